package middleware_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/transport"
)

// headersOn sends a request through a layer and returns the headers that reach
// the base.
func headersOn(t *testing.T, layer transport.Layer, given http.Header) http.Header {
	t.Helper()
	var arrived http.Header
	rt := build(t, transport.NewStack(layer), baseFunc(func(req *http.Request) (*http.Response, error) {
		arrived = req.Header
		return answerWith(http.StatusOK, "application/json", http.NoBody), nil
	}))
	req := newRequest(t, t.Context())
	req.Header = given
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return arrived
}

func TestIdentifySetsItsHeaders(t *testing.T) {
	t.Parallel()
	own := "prefactor-go@" + transport.Version
	for _, tt := range []struct {
		name     string
		adapters []string
		given    http.Header
		want     map[string]string
	}{
		{"alone", nil, http.Header{}, map[string]string{
			"X-Prefactor-SDK": own, "User-Agent": "prefactor-go/" + transport.Version, "Accept": "application/json"}},
		{"with adapters", []string{"@acme/langgraph@2.1.0", "acme-core@1.0"}, http.Header{}, map[string]string{
			"X-Prefactor-SDK": "@acme/langgraph@2.1.0 acme-core@1.0 " + own}},
		{"with an adapter twice", []string{"acme@1", "acme@1"}, http.Header{}, map[string]string{
			"X-Prefactor-SDK": "acme@1 " + own}},
		{"over the caller's headers", nil, http.Header{"X-Prefactor-Sdk": {"mine@1"}, "User-Agent": {"me"}, "Accept": {"*/*"}}, map[string]string{
			"X-Prefactor-SDK": "mine@1", "User-Agent": "me", "Accept": "*/*"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			arrived := headersOn(t, middleware.Identify(tt.adapters...), tt.given)
			for name, want := range tt.want {
				if got := arrived.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestIdentifyRefusesMalformedEntries(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"", "acme", "acme@", "@1", "ac me@1", "acme@1\r\nX-Evil: 1"} {
		_, err := transport.NewStack(middleware.Identify(entry)).RoundTripper(http.DefaultTransport)
		if !errors.Is(err, errs.ErrClient) {
			t.Errorf("%q: got %v", entry, err)
		}
	}
}
