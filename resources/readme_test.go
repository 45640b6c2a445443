package resources_test

import (
	"bytes"
	"context"
	"log"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

// The README's examples stand here, and are run.

func TestREADMEQuickStart(t *testing.T) {
	t.Parallel()
	server := prefactortest.NewServer(t)
	if err := quickStart(t.Context(), server.URL, prefactortest.Token, prefactortest.AgentID, prefactortest.EnvironmentID); err != nil {
		t.Fatal(err)
	}
	server.AssertTree(t, `
		instance complete
		└── app:llm complete
	`)
}

func quickStart(ctx context.Context, apiURL, token, agentID, environmentID string) error {
	api, err := resources.Open(middleware.NewConfig(apiURL, token))
	if err != nil {
		return err
	}
	defer api.Close()
	run, err := api.Instances.Register(ctx, instances.RegisterParams{AgentID: agentID, EnvironmentID: environmentID})
	if err != nil {
		return err
	}
	_, err = api.Instances.Start(ctx, run.ID, instances.StartParams{})
	if err != nil {
		return err
	}
	span, err := api.Spans.Create(ctx, spans.CreateParams{AgentInstanceID: run.ID, SchemaName: "app:llm", Payload: map[string]any{"prompt": "hi"}})
	if err != nil {
		return err
	}
	_, err = api.Spans.Finish(ctx, span.ID, spans.FinishParams{ResultPayload: map[string]any{"answer": "hello"}})
	if err != nil {
		return err
	}
	_, err = api.Instances.Finish(ctx, run.ID, instances.FinishParams{})
	return err
}

func TestREADMECompanyLayers(t *testing.T) {
	server := prefactortest.NewServer(t)
	cfg := middleware.NewConfig(server.URL, prefactortest.Token)
	var logged bytes.Buffer
	defer log.SetOutput(log.Writer())
	log.SetOutput(&logged)

	mesh := transport.NewLayerFunc("mesh", transport.Anywhere,
		func(req *http.Request, next transport.Next) (*http.Response, error) {
			req.Header.Set("X-Mesh-Route", "blue")
			return next(req)
		})
	audit := transport.NewLayerFunc("audit", transport.PerCall,
		func(req *http.Request, next transport.Next) (*http.Response, error) {
			call := transport.CallFrom(req.Context())
			resp, err := next(req)
			outcome := transport.Outcome(req, resp, err) // a 404 is a response, and a failure
			log.Printf("%s: %d attempts, %s", call.Operation(), len(call.Attempts()), errs.KindOf(outcome))
			return resp, err
		})
	api, err := resources.Open(cfg, func(s transport.Stack) transport.Stack {
		return s.PerCall(audit).Wire(mesh)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	if _, err := api.Instances.Register(t.Context(), instances.RegisterParams{AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(logged.String(), "agent_instances.register: 1 attempts, ok") {
		t.Errorf("audit logged %q", logged.String())
	}
	if got := server.Journal()[0].Header.Get("X-Mesh-Route"); got != "blue" {
		t.Errorf("X-Mesh-Route was %q", got)
	}
}

func TestREADMEOwnTransport(t *testing.T) {
	t.Parallel()
	server := prefactortest.NewServer(t)
	withToken := transport.NewLayerFunc("token", transport.PerAttempt,
		func(req *http.Request, next transport.Next) (*http.Response, error) {
			req.Header.Set("Authorization", "Bearer "+prefactortest.Token)
			return next(req)
		})
	ownTransport, err := transport.NewStack(withToken).RoundTripper(http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	if err := onOwnTransport(t.Context(), server.URL, ownTransport); err != nil {
		t.Error(err)
	}
}

func onOwnTransport(ctx context.Context, apiURL string, ownTransport http.RoundTripper) error {
	rt, err := transport.NewStack(middleware.Idempotency("")).RoundTripper(ownTransport)
	if err != nil {
		return err
	}
	client, err := transport.NewClient(apiURL, rt)
	if err != nil {
		return err
	}
	service := instances.New(client)
	_, err = service.Register(ctx, instances.RegisterParams{AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID})
	return err
}

func TestARunSurvivesAnOutage(t *testing.T) {
	server := prefactortest.NewServer(t)
	server.Inject(prefactortest.On("agent_instances.register").Times(2).Reply(503))

	cfg := middleware.NewConfig(server.URL, prefactortest.Token)
	cfg.InitialRetryDelay = time.Millisecond
	api, err := resources.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	params := instances.RegisterParams{AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID}
	if _, err := api.Instances.Register(t.Context(), params); err != nil {
		t.Fatal(err)
	}
	server.AssertTree(t, "instance pending")
}
