package prefactortest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// RoundTripper gives a face without a connection: requests go straight to
// the fake. It keeps the contract of [http.RoundTripper]: a request is left
// as it was, its body closed, its context honoured. A reset is a
// [*net.OpError] with [syscall.ECONNRESET], a closed connection is [io.EOF], a
// cut body ends with [io.ErrUnexpectedEOF].
func (f *Fake) RoundTripper() http.RoundTripper { return roundTripper{f} }

type roundTripper struct{ fake *Fake }

func (t roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if req.URL == nil || req.URL.Host == "" {
		closeBody(req)
		return nil, errors.New("prefactortest: the request's URL has no host")
	}
	body, err := readBody(ctx, req)
	if err != nil {
		return nil, err
	}
	o := t.fake.serve(request{
		method: method(req),
		url:    req.URL,
		header: canonical(req.Header),
		body:   body,
	})
	if err := o.wait(ctx); err != nil {
		return nil, err
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if o.reset {
		return nil, connectionReset("read")
	}
	if o.closed {
		return nil, io.EOF
	}
	return o.response(req), nil
}

// canonical spells the names as they are after a way over the wire.
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

// readBody reads the request's body to its end and closes it, early if ctx
// ends, so that a body that blocks is left.
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

// response is the outcome as a client sees it.
func (o *outcome) response(req *http.Request) *http.Response {
	ctx, cancel := context.WithCancelCause(req.Context())
	body := o.reader(ctx)
	if req.Method == http.MethodHead {
		body = http.NoBody
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", o.status, http.StatusText(o.status)),
		StatusCode:    o.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        o.fullHeader(),
		Body:          &responseBody{ctx, cancel, body},
		ContentLength: o.length(),
		Request:       req,
	}
}

// A responseBody ends with the request's context, as one from a connection
// would.
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
