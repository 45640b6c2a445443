package thirdparty_test

import (
	"net/http"
	"testing"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
)

// retryable puts go-retryablehttp around next. With passthrough it ends with the
// last response, otherwise with an error of its own.
func retryable(passthrough bool) func(next http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		client := retryablehttp.NewClient()
		client.HTTPClient, client.Logger = &http.Client{Transport: next}, nil
		if passthrough {
			client.ErrorHandler = retryablehttp.PassthroughErrorHandler
		}
		return &retryablehttp.RoundTripper{Client: client}
	}
}

func TestRetryableHTTP(t *testing.T) {
	t.Parallel()
	testEach(t, map[string]setup{
		"in place of retry":                         retrying(retryable(false)),
		"in place of retry, with the last response": retrying(retryable(true)),
	})
}

func TestRetryableHTTPFollowsTheRules(t *testing.T) {
	t.Parallel()
	conformance.TestLayer(t, middleware.ForeignRetry(retryable(false)))
}
