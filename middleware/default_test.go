package middleware_test

import (
	"net/http"
	"testing"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestDefaultStackPassesTheFaultTable(t *testing.T) {
	prefactortest.TestFaults(t, func(cfg transport.Config, base http.RoundTripper) (http.RoundTripper, error) {
		return middleware.Default(cfg).RoundTripper(base)
	})
}
