package thirdparty_test

import (
	"net/http"
	"testing"

	"github.com/PuerkitoBio/rehttp"

	"github.com/prefactordev/prefactor-go/middleware"
)

// re is rehttp. It retries any error, 429 and 5xx.
func re(policy middleware.RetryPolicy, next http.RoundTripper) http.RoundTripper {
	failed := func(attempt rehttp.Attempt) bool {
		return attempt.Error != nil || attempt.Response.StatusCode == 429 || attempt.Response.StatusCode >= 500
	}
	return rehttp.NewTransport(next,
		rehttp.RetryAll(rehttp.RetryMaxRetries(policy.MaxRetries), failed),
		rehttp.ExpJitterDelay(policy.InitialRetryDelay, policy.MaxRetryDelay))
}

func TestRehttp(t *testing.T) {
	t.Parallel()
	testEach(t, map[string]setup{"in place of retry": foreignRetry(re).setup()})
}
