package middleware_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestDefaultStackPassesTheFaultTable(t *testing.T) {
	conformance.TestFaults(t, func(cfg middleware.Config, base http.RoundTripper) (http.RoundTripper, error) {
		return middleware.Default(cfg).RoundTripper(base)
	})
}

func TestDefaultUsesTheConfig(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.cfg.Adapters = []string{"acme@1.2"}
		s.cfg.DefaultIdempotencyKey = "billing-"
		s.cfg.MaxRetries = 1
		s.cfg.RequestTimeout = 3 * time.Second
		s.fake.Inject(prefactortest.On(writes).Always().Hang())

		failure, ok := errors.AsType[*errs.Error](write(t.Context(), s.retrying(perCall())))
		if !ok || len(failure.Attempts) != 2 || failure.Attempts[0].Duration != 3*time.Second {
			t.Fatalf("got %v", failure)
		}
		x := s.fake.Journal()[0]
		if sdk := x.Header.Get("X-Prefactor-SDK"); sdk != "acme@1.2 prefactor-go@"+transport.Version {
			t.Errorf("X-Prefactor-SDK is %q", sdk)
		}
		if !strings.HasPrefix(x.Key, "billing-") || x.Header.Get("Authorization") != "Bearer "+prefactortest.Token {
			t.Errorf("the key is %q, the header %v", x.Key, x.Header)
		}
	})
}

func TestDefaultReportsMistakesInTheConfigWhenItIsBuilt(t *testing.T) {
	t.Parallel()
	var cfg middleware.Config
	cfg.DefaultIdempotencyKey = strings.Repeat("k", 64)
	cfg.Adapters = []string{"acme"}
	_, err := middleware.Default(cfg).RoundTripper(http.DefaultTransport)
	if err == nil {
		t.Fatal("the stack was built")
	}
	for _, field := range []string{"APIURL", "APIToken", "RequestTimeout", "InitialRetryDelay", "MaxRetryDelay", "RetryMultiplier", "DefaultIdempotencyKey", "Adapters"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("the error doesn't name %s: %v", field, err)
		}
	}
}
