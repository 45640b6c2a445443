package thirdparty_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/PuerkitoBio/rehttp"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
)

// re puts rehttp around next. It retries any error, 429 and 5xx.
func re(next http.RoundTripper) http.RoundTripper {
	failed := func(attempt rehttp.Attempt) bool {
		return attempt.Error != nil || attempt.Response.StatusCode == 429 || attempt.Response.StatusCode >= 500
	}
	return rehttp.NewTransport(next, rehttp.RetryAll(rehttp.RetryMaxRetries(3), failed), rehttp.ExpJitterDelay(time.Second, time.Minute))
}

func TestRehttp(t *testing.T) {
	t.Parallel()
	testEach(t, map[string]setup{"in place of retry": retrying(re)})
}

func TestRehttpFollowsTheRules(t *testing.T) {
	t.Parallel()
	conformance.TestLayer(t, middleware.ForeignRetry(re))
}
