package prefactortest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// RoundTripper returns a face without connections: it calls the fake directly.
// It keeps the contract of [http.RoundTripper]: it doesn't change the request,
// closes its body, and honours its context. The error of a reset is a
// [*net.OpError] with [syscall.ECONNRESET], that of a closed connection is
// [io.EOF]; a cut body ends with [io.ErrUnexpectedEOF].
func (f *Fake) RoundTripper() http.RoundTripper {
	f.made()
	return roundTripper{f}
}

type roundTripper struct{ fake *Fake }

func (t roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	if req == nil {
		return nil, errors.New("prefactortest: the request is nil")
	}
	ctx := req.Context()
	if req.URL == nil || req.URL.Host == "" {
		closeBody(req)
		return nil, errors.New("prefactortest: the request's URL has no host")
	}
	body, err := readBody(ctx, req)
	if err != nil {
		return nil, err
	}
	d := t.fake.serve(request{
		method: method(req),
		url:    req.URL,
		header: canonical(req.Header),
		body:   body,
	})
	if err := d.wait(ctx); err != nil {
		return nil, err
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if d.reset {
		return nil, connectionReset("read")
	}
	if d.closed {
		return nil, io.EOF
	}
	return d.response(req), nil
}

// canonical copies a header with its names as a server reads them.
func canonical(h http.Header) http.Header {
	c := make(http.Header, len(h))
	for name, values := range h {
		for _, value := range values {
			c.Add(name, value)
		}
	}
	return c
}

func method(req *http.Request) string {
	if req.Method == "" {
		return http.MethodGet
	}
	return req.Method
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}

// readBody reads the request body and closes it. If ctx ends, it closes the
// body early, which unblocks a Read.
func readBody(ctx context.Context, req *http.Request) ([]byte, error) {
	defer closeBody(req)
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if req.Body == nil {
		return nil, nil
	}
	stop := context.AfterFunc(ctx, func() { req.Body.Close() })
	defer stop()
	body, err := io.ReadAll(req.Body)
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	return body, err
}

// response returns the delivery's response to req.
func (d *delivery) response(req *http.Request) *http.Response {
	ctx, cancel := context.WithCancelCause(req.Context())
	body := d.reader(ctx)
	if req.Method == http.MethodHead {
		body = http.NoBody
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", d.status, http.StatusText(d.status)),
		StatusCode:    d.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        d.fullHeader(),
		Body:          &responseBody{ctx, cancel, body},
		ContentLength: d.length(),
		Request:       req,
	}
}

// A responseBody fails once the request's context has ended, as one read from
// a connection does.
type responseBody struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	r      io.Reader
}

func (b *responseBody) Read(p []byte) (int, error) {
	if err := context.Cause(b.ctx); err != nil {
		return 0, err
	}
	return b.r.Read(p)
}

func (b *responseBody) Close() error {
	b.cancel(http.ErrBodyReadAfterClose)
	return nil
}
