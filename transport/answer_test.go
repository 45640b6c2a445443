package transport_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// reading is a layer that notes what it finds a response to mean, and hides the
// answer from the next one.
func reading(name string, found *[]error, change func(*http.Response)) transport.Layer {
	return transport.NewLayerFunc(name, transport.PerAttempt, func(req *http.Request, next transport.Next) (*http.Response, error) {
		resp, err := next(req)
		if err != nil {
			return nil, err
		}
		*found = append(*found, transport.Read(req, resp).Err())
		resp.Body = struct{ io.ReadCloser }{resp.Body}
		change(resp)
		return resp, nil
	})
}

// The error of the same bytes and header is made once, and anew for another
// header, also if it was changed in place.
func TestTheErrorOfAResponseIsMadeOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*http.Response)
		same   bool
	}{
		"nothing":          {func(*http.Response) {}, true},
		"a value in place": {func(resp *http.Response) { resp.Header.Set("Retry-After", "9") }, false},
		"a header gone":    {func(resp *http.Response) { resp.Header.Del("Retry-After") }, false},
		"another map":      {func(resp *http.Response) { resp.Header = resp.Header.Clone() }, true},
		"the status":       {func(resp *http.Response) { resp.StatusCode = 502 }, false},
	} {
		var found []error
		base := baseFunc(func(*http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: 503, Header: http.Header{"Content-Type": {"application/json"}, "Retry-After": {"5"}},
				Body: io.NopCloser(strings.NewReader(`{"status":"error","code":"unavailable"}`)),
			}, nil
		})
		stack := transport.NewStack(reading("outer", &found, func(*http.Response) {}), reading("inner", &found, tt.change))
		rt, err := stack.RoundTripper(base)
		if err != nil {
			t.Fatal(err)
		}
		client, err := transport.NewClient("http://localhost", rt)
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Do(t.Context(), transport.Request{Method: http.MethodPost, Path: "/thing"})
		if len(found) != 2 || (found[0] == found[1]) != tt.same || errors.Is(err, found[1]) != true {
			t.Errorf("%s: found %v and %v, and the call ends in %v", name, found[0], found[1], err)
		}
		if wait, _ := errs.RetryAfter(found[1]); name == "a value in place" && wait.Seconds() != 9 {
			t.Errorf("%s: a wait of %s", name, wait)
		}
	}
}
