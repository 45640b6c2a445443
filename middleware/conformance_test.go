package middleware_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go/adaptivelimiter"
	"github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/ratelimiter"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestLayersFollowTheRules(t *testing.T) {
	t.Parallel()
	origin, token := "http://localhost", transport.NewSecret("token-of-the-layer")
	policy := middleware.DefaultRetryPolicy()
	refreshing := middleware.RefreshingToken(func(context.Context) (transport.Secret, error) { return token, nil })
	for name, layer := range map[string]transport.Layer{
		"identify":             middleware.Identify("billing@1.2.3"),
		"idempotency":          middleware.Idempotency("billing-"),
		"retry":                middleware.Retry(policy),
		"retry with a budget":  middleware.Retry(policy, middleware.RetryBudget(budget.New())),
		"timeout":              middleware.Timeout(30 * time.Second),
		"classify":             middleware.Classify(),
		"envelope":             middleware.Envelope(transport.MaxAnswer),
		"auth":                 middleware.Auth(origin, token),
		"auth with a refresh":  middleware.Auth(origin, refreshing),
		"auth elsewhere":       middleware.Auth("https://elsewhere.test", token),
		"breaker":              middleware.Breaker(middleware.NewBreaker()),
		"ratelimit":            middleware.RateLimit(middleware.NewRateLimiter(1_000_000), time.Minute),
		"bulkhead":             middleware.Bulkhead(middleware.NewBulkhead(64), 0),
		"bulkhead that queues": middleware.Bulkhead(middleware.NewBulkhead(8), time.Minute),
		"hedge":                middleware.Hedge(middleware.NewHedge(time.Second)),
		"hedge at once":        middleware.Hedge(middleware.NewHedge(time.Microsecond)),
		"adaptive":             middleware.Adaptive(adaptivelimiter.NewWithDefaults[any](), time.Minute),
		"log":                  middleware.Log(slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug})), middleware.LogBodies(1000)),
		"observe":              middleware.Observe("observe", middleware.ObserverFunc(func(context.Context, transport.Event) {})),
		"control":              middleware.OnControl(func(context.Context, middleware.Control) {}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conformance.TestLayer(t, layer)
		})
	}
}

func TestRefusingLayersCloseTheRequestBody(t *testing.T) {
	t.Parallel()
	open, spent := circuitbreaker.NewBuilder[any]().WithDelay(time.Hour).Build(), ratelimiter.NewBursty[*http.Response](1, time.Hour)
	open.Open()
	spent.TryAcquirePermit()
	for name, layer := range map[string]transport.Layer{
		"breaker":   middleware.Breaker(open),
		"ratelimit": middleware.RateLimit(spent, 0),
		"bulkhead":  middleware.Bulkhead(middleware.NewBulkhead(0), 0),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rt, err := transport.NewStack(layer).RoundTripper(prefactortest.New().RoundTripper())
			if err != nil {
				t.Fatal(err)
			}
			body := &closeNoting{Reader: strings.NewReader("{}")}
			req, err := http.NewRequest(http.MethodPost, "http://localhost/api/v1/agent_spans", body)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := rt.RoundTrip(req); errs.KindOf(err) != errs.KindRejected || !body.closed {
				t.Errorf("the error is %v, and the body is closed: %v", err, body.closed)
			}
		})
	}
}

// closeNoting is a body that knows whether it is closed.
type closeNoting struct {
	io.Reader
	closed bool
}

func (b *closeNoting) Close() error {
	b.closed = true
	return nil
}

func buildDefault(cfg middleware.Config, base http.RoundTripper) (http.RoundTripper, error) {
	return middleware.Default(cfg).RoundTripper(base)
}

func TestStacksKeepTheirPromises(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		build   conformance.Build
		options []conformance.SuiteOption
	}{
		{name: "default", build: buildDefault},
		{name: "with everything in it", build: func(cfg middleware.Config, base http.RoundTripper) (http.RoundTripper, error) {
			return middleware.Default(cfg).
				PerCall(
					middleware.Log(slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug})), middleware.LogBodies(1000)),
					middleware.Observe("observe", middleware.ObserverFunc(func(context.Context, transport.Event) {})),
					middleware.OnControl(func(context.Context, middleware.Control) {}),
				).
				PerAttempt(
					middleware.Breaker(middleware.NewBreaker()),
					middleware.RateLimit(middleware.NewRateLimiter(1_000_000), time.Second),
					middleware.Bulkhead(middleware.NewBulkhead(1000), 0),
				).RoundTripper(base)
		}},
		{name: "with a hedge", options: []conformance.SuiteOption{conformance.Hedged()},
			build: func(cfg middleware.Config, base http.RoundTripper) (http.RoundTripper, error) {
				return middleware.Default(cfg).PerAttempt(middleware.Hedge(middleware.NewHedge(time.Second))).RoundTripper(base)
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			conformance.TestStack(t, tt.build, tt.options...)
		})
	}
}
