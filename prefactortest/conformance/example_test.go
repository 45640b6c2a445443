package conformance_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

// audit is a company's layer that logs what is sent.
func audit(to io.Writer) transport.Layer {
	return transport.NewLayerFunc("audit", transport.Anywhere, func(req *http.Request, next transport.Next) (*http.Response, error) {
		fmt.Fprintln(to, req.Method, req.URL.Path, transport.CallFrom(req.Context()).Key())
		return next(req)
	})
}

// audited builds the default stack with the audit layer.
func audited(cfg middleware.Config, base http.RoundTripper) (http.RoundTripper, error) {
	return middleware.Default(cfg).PerAttempt(audit(io.Discard)).RoundTripper(base)
}

func ExampleTestLayer() {
	// In a test file: func TestAudit(t *testing.T)
	_ = func(t *testing.T) {
		conformance.TestLayer(t, audit(io.Discard))
	}
}

func ExampleTestStack() {
	// In a test file: func TestOurStack(t *testing.T)
	_ = func(t *testing.T) {
		conformance.TestStack(t, audited)
	}
}

func ExampleTestFaults() {
	// In a test file: func TestOurStackUnderAHedge(t *testing.T)
	_ = func(t *testing.T) {
		conformance.TestFaults(t, func(cfg middleware.Config, base http.RoundTripper) (http.RoundTripper, error) {
			hedge := middleware.Hedge(middleware.NewHedge(cfg.RequestTimeout / 10))
			return middleware.Default(cfg).PerAttempt(hedge).RoundTripper(base)
		}, conformance.Hedged())
	}
}

func ExampleTestStorm() {
	// In a test file: func TestOurStackInAStorm(t *testing.T)
	_ = func(t *testing.T) {
		conformance.TestStorm(t, audited, 100_000)
	}
}
