package thirdparty_test

import (
	"net/http"
	"testing"

	"github.com/failsafe-go/failsafe-go/failsafehttp"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
)

// failsafe puts failsafe-go's retry for HTTP around next. With lastResult it ends
// with the last response, otherwise with an error of its own.
func failsafe(lastResult bool) func(next http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		policy := failsafehttp.NewRetryPolicyBuilder()
		if lastResult {
			policy = policy.ReturnLastFailure()
		}
		return failsafehttp.NewRoundTripper(next, policy.Build())
	}
}

func TestFailsafeHTTP(t *testing.T) {
	t.Parallel()
	testEach(t, map[string]setup{
		"in place of retry":                         retrying(failsafe(false)),
		"in place of retry, with the last response": retrying(failsafe(true)),
	})
}

func TestFailsafeHTTPFollowsTheRules(t *testing.T) {
	t.Parallel()
	conformance.TestLayer(t, middleware.ForeignRetry(failsafe(true)))
}
