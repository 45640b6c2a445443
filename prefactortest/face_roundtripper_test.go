package prefactortest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// body counts its calls of Close.
type body struct {
	io.Reader
	closed int
}

func (b *body) Close() error {
	b.closed++
	return nil
}

func TestRoundTripperClosesTheRequestBody(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name  string
		edit  func(*http.Request) *http.Request
		fault prefactortest.Fault
		fails bool
	}{
		{"response", nil, prefactortest.On("*").Reply(200), false},
		{"refused", func(r *http.Request) *http.Request { r.Header.Del("Authorization"); return r }, prefactortest.On("*").Delay(0), false},
		{"reset", nil, prefactortest.On("*").ResetBefore(), true},
		{"context ended", func(r *http.Request) *http.Request { return r.WithContext(ended) }, prefactortest.On("*").Reply(200), true},
		{"no URL", func(r *http.Request) *http.Request { r.URL = nil; return r }, prefactortest.On("*").Reply(200), true},
		{"no host", func(r *http.Request) *http.Request { r.URL.Host = ""; return r }, prefactortest.On("*").Reply(200), true},
		{"unreadable body", func(r *http.Request) *http.Request {
			r.Body.(*body).Reader = iotest.ErrReader(io.ErrClosedPipe)
			return r
		}, prefactortest.On("*").Reply(200), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := prefactortest.New()
			f.Inject(tt.fault)
			b := &body{Reader: bytes.NewReader([]byte(`{}`))}
			req := direct(t, f).request("POST", "/agent_instance/register", `{}`)
			req.Body = b
			if tt.edit != nil {
				req = tt.edit(req)
			}
			resp, err := f.RoundTripper().RoundTrip(req)
			if (err != nil) != tt.fails || (resp != nil) == tt.fails {
				t.Errorf("got the response %v and the error %v", resp, err)
			}
			if resp != nil {
				resp.Body.Close()
			}
			if b.closed == 0 {
				t.Error("the request body isn't closed")
			}
		})
	}
}

func TestRoundTripperDoesNotChangeTheRequest(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	req := c.request("POST", "/agent_instance/register", `{}`)
	before := req.Clone(t.Context())
	c.send(req)
	if req.URL.String() != before.URL.String() || req.Method != before.Method || req.ContentLength != before.ContentLength ||
		!maps.EqualFunc(req.Header, before.Header, func(a, b []string) bool { return a[0] == b[0] }) {
		t.Errorf("the request changed to %v, was %v", req, before)
	}
	req.Header["X-Later"] = []string{"1"}
	if f.Journal()[0].Header.Get("X-Later") != "" {
		t.Error("the journal shares the request's header")
	}
}

func TestRoundTripperResponse(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	req := direct(t, f).request("GET", "/ping", "")
	req.Method = "" // means GET
	resp, err := f.RoundTripper().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Status != "200 OK" || resp.Proto != "HTTP/1.1" || resp.ContentLength != int64(len(f.Journal()[0].Answer)) || resp.Request != req {
		t.Errorf("got %+v", resp)
	}
	resp.Body.Close()
	if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("reading a closed body: %v", err)
	}
}

func TestRoundTripperReadsHeadersOfAnySpelling(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	req := c.request("GET", "/ping", "")
	req.Header = http.Header{"authorization": {"Bearer test-token"}}
	if a, err := c.send(req); err != nil || a.status != 200 {
		t.Errorf("got %d, %v", a.status, err)
	}
}

func TestHeadHasNoBody(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	if a := c.do("HEAD", "/ping", ""); a.status != 404 || len(a.body) != 0 {
		t.Errorf("got %d %q", a.status, a.body)
	}
}

func TestRoundTripperReturnsNoResponseAfterCancellation(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	f := prefactortest.New(prefactortest.WithObserver(func(prefactortest.Exchange) { cancel() }))
	c := direct(t, f)
	if a, err := c.send(c.request("GET", "/ping", "").WithContext(ctx)); !errors.Is(err, context.Canceled) || a.status != 0 {
		t.Errorf("got %d, %v", a.status, err)
	}
}

func TestRoundTripperHonoursTheContext(t *testing.T) {
	t.Parallel()
	cause := errors.New("enough")
	tests := []struct {
		name    string
		fault   prefactortest.Fault
		blocked bool // the request body
	}{
		{"while the response is delayed", prefactortest.On("*").Delay(time.Hour), false},
		{"while it hangs", prefactortest.On("*").Hang(), false},
		{"while the response body stalls", prefactortest.On("*").Stall(time.Hour), false},
		{"while the request body blocks", prefactortest.On("*").Reply(200), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := prefactortest.New()
				f.Inject(tt.fault)
				ctx, cancel := context.WithTimeoutCause(context.Background(), time.Second, cause)
				defer cancel()
				c := direct(t, f)
				req := c.request("POST", "/agent_instance/register", `{}`).WithContext(ctx)
				if tt.blocked {
					req.Body, _ = io.Pipe() // never written to
				}
				start := time.Now()
				_, err := c.send(req)
				if took := time.Since(start); !errors.Is(err, cause) || took != time.Second {
					t.Errorf("ended after %v with %v, want a second and %v", took, err, cause)
				}
			})
		})
	}
}
