package thirdparty_test

import (
	"net/http"
	"testing"

	"github.com/failsafe-go/failsafe-go/failsafehttp"

	"github.com/prefactordev/prefactor-go/middleware"
)

// failsafe is failsafe-go's retry for HTTP, which gives up with an error of its own.
func failsafe(policy middleware.RetryPolicy, next http.RoundTripper) http.RoundTripper {
	retry := failsafehttp.NewRetryPolicyBuilder().WithBackoff(policy.InitialRetryDelay, policy.MaxRetryDelay).Build()
	return failsafehttp.NewRoundTripper(next, retry)
}

// failsafeLast is failsafe-go's retry for HTTP, which gives up with the last
// response.
func failsafeLast(policy middleware.RetryPolicy, next http.RoundTripper) http.RoundTripper {
	retry := failsafehttp.NewRetryPolicyBuilder().WithBackoff(policy.InitialRetryDelay, policy.MaxRetryDelay).ReturnLastFailure().Build()
	return failsafehttp.NewRoundTripper(next, retry)
}

func TestFailsafeHTTP(t *testing.T) {
	t.Parallel()
	testEach(t, map[string]setup{
		"in place of retry":                         foreignRetry(failsafe).setup(),
		"in place of retry, with the last response": foreignRetry(failsafeLast).setup(),
	})
}
