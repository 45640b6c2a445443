package conformance_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

// foreignLayers have the shapes of well-known round trippers. They have neither
// Unwrap nor CloseIdleConnections, which the stack adds.
var foreignLayers = map[string]func(next http.RoundTripper) http.RoundTripper{
	"spans":    func(next http.RoundTripper) http.RoundTripper { return &spanning{next: next} },
	"a token":  func(next http.RoundTripper) http.RoundTripper { return &tokenAdding{next: next} },
	"counters": counting,
	"a trace":  tracing,
	"all in a row": func(next http.RoundTripper) http.RoundTripper {
		return &spanning{next: &tokenAdding{next: counting(tracing(next))}}
	},
	"its own close": func(next http.RoundTripper) http.RoundTripper { return ownPool{counting(next), new(atomic.Int64)} },
}

func TestTestLayerAcceptsForeignLayers(t *testing.T) {
	t.Parallel()
	for name, wrap := range foreignLayers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conformance.TestLayer(t, transport.NewLayer("foreign", transport.Anywhere, wrap))
		})
	}
}

func TestTestStackAcceptsForeignLayers(t *testing.T) {
	t.Parallel()
	conformance.TestStack(t, edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
		for name, wrap := range foreignLayers {
			if name != "a token" && name != "all in a row" {
				s = s.PerAttempt(transport.NewLayer(name, transport.Anywhere, wrap))
			}
		}
		return s
	}))
}

// spanning traces requests: it clones them, derives their context, counts the
// bytes of both bodies, and keeps the body of a 101 writable.
type spanning struct {
	next  http.RoundTripper
	bytes atomic.Int64
	ended atomic.Int64
}

type spanKey struct{}

func (s *spanning) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(context.WithValue(req.Context(), spanKey{}, "span"))
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = &counted{ReadCloser: req.Body, bytes: &s.bytes, end: func() {}}
	}
	req.Header.Set("Traceparent", "00-1-2-01")
	resp, err := s.next.RoundTrip(req)
	if err != nil {
		s.ended.Add(1)
		return resp, err
	}
	body := &counted{ReadCloser: resp.Body, bytes: &s.bytes, end: sync.OnceFunc(func() { s.ended.Add(1) })}
	resp.Body = body
	if writer, ok := body.ReadCloser.(io.Writer); ok {
		resp.Body = struct {
			*counted
			io.Writer
		}{body, writer}
	}
	return resp, nil
}

type counted struct {
	io.ReadCloser
	bytes *atomic.Int64
	end   func()
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.bytes.Add(int64(n))
	if err != nil {
		c.end()
	}
	return n, err
}

func (c *counted) Close() error {
	c.end()
	return c.ReadCloser.Close()
}

// tokenAdding adds a header to a clone, and closes the body if it sends nothing.
type tokenAdding struct {
	next  http.RoundTripper
	token func() (string, error)
}

func (a *tokenAdding) RoundTrip(req *http.Request) (*http.Response, error) {
	passedOn := false
	if req.Body != nil {
		defer func() {
			if !passedOn {
				req.Body.Close()
			}
		}()
	}
	token := "a-token-of-its-own"
	if a.token != nil {
		var err error
		if token, err = a.token(); err != nil {
			return nil, err
		}
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+token)
	passedOn = true
	return a.next.RoundTrip(req)
}

// tripping is a function as a round tripper.
type trippingFunc func(*http.Request) (*http.Response, error)

func (f trippingFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// counting counts requests in flight and by status.
func counting(next http.RoundTripper) http.RoundTripper {
	var inFlight atomic.Int64
	var byStatus sync.Map
	return trippingFunc(func(req *http.Request) (*http.Response, error) {
		inFlight.Add(1)
		defer inFlight.Add(-1)
		resp, err := next.RoundTrip(req)
		if err == nil {
			byStatus.Store(resp.StatusCode, true)
		}
		return resp, err
	})
}

// tracing hooks into what the base reports.
func tracing(next http.RoundTripper) http.RoundTripper {
	return trippingFunc(func(req *http.Request) (*http.Response, error) {
		trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {}}
		return next.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	})
}

// ownPool has connections of its own to close, and doesn't hand that on.
type ownPool struct {
	http.RoundTripper
	closed *atomic.Int64
}

func (p ownPool) CloseIdleConnections() { p.closed.Add(1) }
