package thirdparty_test

import (
	"net/http"
	"testing"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
)

// retryable is go-retryablehttp, which gives up with an error of its own.
func retryable(policy middleware.RetryPolicy, next http.RoundTripper) http.RoundTripper {
	return &retryablehttp.RoundTripper{Client: retryableClient(policy, next)}
}

// retryableLast is go-retryablehttp, which gives up with the last response.
func retryableLast(policy middleware.RetryPolicy, next http.RoundTripper) http.RoundTripper {
	client := retryableClient(policy, next)
	client.ErrorHandler = retryablehttp.PassthroughErrorHandler
	return &retryablehttp.RoundTripper{Client: client}
}

func retryableClient(policy middleware.RetryPolicy, next http.RoundTripper) *retryablehttp.Client {
	client := retryablehttp.NewClient()
	client.HTTPClient, client.Logger = &http.Client{Transport: next}, nil
	client.RetryWaitMin, client.RetryWaitMax = policy.InitialRetryDelay, policy.MaxRetryDelay
	return client
}

func TestRetryableHTTP(t *testing.T) {
	t.Parallel()
	testEach(t, map[string]setup{
		"in place of retry":                         foreignRetry(retryable).setup(),
		"in place of retry, with the last response": foreignRetry(retryableLast).setup(),
	})
}

func TestRetryableHTTPFollowsTheRules(t *testing.T) {
	t.Parallel()
	conformance.TestLayer(t, foreignRetry(retryable).layer(middleware.DefaultRetryPolicy()))
}
