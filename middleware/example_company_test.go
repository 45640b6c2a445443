package middleware_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// A company's own HTTP policies around the default stack: an audit and a log
// record for each call, a trace span for each attempt, a breaker and a limiter
// that all of the company's code shares, and a signature over what is really
// sent.
func Example_company() {
	cfg := middleware.NewConfig("https://prefactor.test", prefactortest.Token)
	breaker, limiter := middleware.NewBreaker(), middleware.NewRateLimiter(50)
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: stable}))

	var audited, spans atomic.Int32
	audit := transport.NewLayerFunc("audit", transport.PerCall,
		func(req *http.Request, next transport.Next) (*http.Response, error) {
			audited.Add(1) // who called which operation: transport.CallFrom(req.Context())
			return next(req)
		})
	// With OpenTelemetry, otelhttp.NewTransport is the function.
	tracing := transport.NewLayer("otelhttp", transport.PerAttempt, func(next http.RoundTripper) http.RoundTripper {
		return &otelTransport{base: next, spans: &spans}
	})
	signing := transport.NewLayerFunc("signing", transport.PerAttempt,
		func(req *http.Request, next transport.Next) (*http.Response, error) {
			mac := hmac.New(sha256.New, []byte("the company's key"))
			fmt.Fprintln(mac, req.Method, req.URL.Path, req.Header.Get(transport.KeyHeader))
			req.Header.Set("X-Signature", hex.EncodeToString(mac.Sum(nil)))
			return next(req)
		})

	stack := middleware.Default(cfg).
		PerCall(audit, middleware.Log(logger)).
		PerAttempt(
			tracing,
			middleware.Breaker(breaker),
			middleware.RateLimit(limiter, 2*time.Second),
		).
		Wire(signing)
	fmt.Print(stack)

	fake := prefactortest.New()
	fake.Inject(prefactortest.On("agents.get").Reply(404).Body(`{"status":"error","code":"not_found","message":"no such agent"}`))
	client := exampleClient(stack, fake)
	_ = read(context.Background(), client)
	_ = write(context.Background(), client)
	signature := fake.Journal()[0].Header.Get("X-Signature")
	fmt.Println(audited.Load(), "calls audited,", spans.Load(), "spans, signed:", signature != "")
	// Output:
	// ── once a call ─────────────────────────────────
	//    identify       prefactor-go@0.1.0
	//    idempotency
	//    audit
	//    log
	// ── retry (3 retries, 1s to 1m0s) ───────────────
	// ── once an attempt ─────────────────────────────
	//    otelhttp
	//    breaker        counts attempts inside retry, calls outside
	//    ratelimit      waits 2s at most; limits attempts inside retry, calls outside
	//    timeout        30s
	//    classify
	//    envelope       up to 32 MiB
	//    auth           for https://prefactor.test
	//    signing
	//    base
	// level=WARN msg="prefactor call" operation=request method=GET route=/agent/{id} outcome=not_found status=404 attempts=1 waits=0s error="server answered 404 not_found: no such agent; check the id and the API URL"
	// level=INFO msg="prefactor call" operation=request method=POST route=/agent outcome=ok status=200 attempts=1 waits=0s
	// 2 calls audited, 2 spans, signed: true
}

// otelTransport replaces otelhttp.Transport in this example: a round tripper of
// another module, which doesn't know this one.
type otelTransport struct {
	base  http.RoundTripper
	spans *atomic.Int32
}

func (t *otelTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	t.spans.Add(1)
	req = req.Clone(req.Context())
	req.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	return t.base.RoundTrip(req)
}

// stable drops the attributes of a record that differ from run to run.
func stable(_ []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.TimeKey, "duration", "key":
		return slog.Attr{}
	}
	return a
}
