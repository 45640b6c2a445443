package resources_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

// serve returns a fake server, which the caller closes.
func serve(options ...prefactortest.Option) *prefactortest.Server {
	server, err := prefactortest.New(options...).Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return server
}

// An application makes one API and keeps it.
func ExampleOpen() {
	server := serve() // in place of the API
	defer server.Close()

	api, err := resources.Open(middleware.NewConfig(server.URL, prefactortest.Token))
	if err != nil {
		log.Fatal(err)
	}
	defer api.Close()

	ctx := context.Background()
	run, err := api.Instances.Register(ctx, instances.RegisterParams{})
	if err != nil {
		log.Fatal(err)
	}
	step, err := api.Spans.Create(ctx, spans.CreateParams{AgentInstanceID: run.ID, SchemaName: "app:llm"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.Status, step.Status)
	// Output: pending active
}

// over returns an API with the default stack of cfg on base, which several APIs may
// share.
func over(base http.RoundTripper, cfg middleware.Config) *resources.API {
	rt, err := middleware.Default(cfg).RoundTripper(base)
	if err != nil {
		log.Fatal(err)
	}
	client, err := transport.NewClient(cfg.APIURL, rt)
	if err != nil {
		log.Fatal(err)
	}
	return resources.New(client)
}

// An ingestion token may write runs, but gets a 401 when it reads lists. An
// application that does both has two tokens: two APIs over one pool of connections.
func Example_twoTokens() {
	server := serve(prefactortest.WithToken("pf_ingestion", prefactortest.Grant{Ingestion: true}))
	defer server.Close()

	writing := middleware.NewConfig(server.URL, "pf_ingestion")
	reading := middleware.NewConfig(server.URL, prefactortest.Token)
	base := middleware.NewBase(writing)
	writer, reader := over(base, writing), over(base, reading)
	defer base.CloseIdleConnections()

	ctx := context.Background()
	if _, err := writer.Instances.Register(ctx, instances.RegisterParams{}); err != nil {
		log.Fatal(err)
	}
	list := transport.Request{Method: http.MethodGet, Path: "/agent_instance", Query: url.Values{"agent_id": {prefactortest.AgentID}}}
	_, err := writer.Client.Do(ctx, list)
	fmt.Println("writer refused:", errors.Is(err, errs.ErrAuth))
	result, err := reader.Client.Do(ctx, list)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("reader:", result.Status)
	fmt.Println("connections:", server.Connections())
	// Output:
	// writer refused: true
	// reader: 200
	// connections: 1
}

// A company's certificate authority goes into the base transport.
func Example_corporateCA() {
	server := httptest.NewTLSServer(prefactortest.New()) // its certificate isn't trusted by default
	defer server.Close()

	authorities := x509.NewCertPool() // in production: x509.SystemCertPool and AppendCertsFromPEM
	authorities.AddCert(server.Certificate())

	cfg := middleware.NewConfig(server.URL, prefactortest.Token)
	base := middleware.NewBase(cfg, func(t *http.Transport) {
		t.TLSClientConfig = &tls.Config{RootCAs: authorities}
	})
	defer base.CloseIdleConnections()
	run, err := over(base, cfg).Instances.Register(context.Background(), instances.RegisterParams{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.Status)
	// Output: pending
}

// The proxy comes from the environment (HTTPS_PROXY and the like), unless the base
// transport sets one.
func Example_proxy() {
	server := serve()
	defer server.Close()
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		fmt.Println("through the proxy:", r.In.URL.Path)
	}})
	defer proxy.Close()
	address, err := url.Parse(proxy.URL)
	if err != nil {
		log.Fatal(err)
	}

	cfg := middleware.NewConfig(server.URL, prefactortest.Token)
	base := middleware.NewBase(cfg, func(t *http.Transport) {
		t.Proxy = http.ProxyURL(address)
	})
	defer base.CloseIdleConnections()
	run, err := over(base, cfg).Instances.Register(context.Background(), instances.RegisterParams{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.Status)
	// Output:
	// through the proxy: /api/v1/agent_instance/register
	// pending
}

// Any operation can be sent as a raw request, for example one that has no method here.
// It goes through the same stack, and so has a key, retries and typed errors.
func Example_rawRequest() {
	server := serve()
	defer server.Close()
	api, err := resources.Open(middleware.NewConfig(server.URL, prefactortest.Token))
	if err != nil {
		log.Fatal(err)
	}
	defer api.Close()

	ctx := context.Background()
	run, err := api.Instances.Register(ctx, instances.RegisterParams{})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := api.Instances.Start(ctx, run.ID, instances.StartParams{}); err != nil {
		log.Fatal(err)
	}
	result, err := api.Client.Do(ctx, transport.Request{
		Method: http.MethodPost,
		Path:   "/agent_instance/{id}/terminate",
		Values: []string{run.ID},
		Body:   map[string]any{"reason": "budget"},
	}, transport.WithIdempotencyKey("terminate-"+run.ID))
	if err != nil {
		log.Fatal(err)
	}
	ended, err := transport.DecodeDetails[instances.Instance](result.Document)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Status, ended.Status, ended.TerminationReason)
	// Output: 200 terminated budget
}

// WithMeta returns the status, header and key of a typed call that succeeded.
func Example_withMeta() {
	server := serve()
	defer server.Close()
	api, err := resources.Open(middleware.NewConfig(server.URL, prefactortest.Token))
	if err != nil {
		log.Fatal(err)
	}
	defer api.Close()

	var meta transport.Meta
	if _, err := api.Instances.Register(context.Background(), instances.RegisterParams{}, transport.WithMeta(&meta)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(meta.Status, meta.Header.Get("Content-Type"), len(meta.Key))
	// Output: 200 application/json 36
}
