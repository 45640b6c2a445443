package conformance

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/prefactordev/prefactor-go/transport"
)

// watchedBase counts the open response bodies and the bytes read from them.
type watchedBase struct {
	http.RoundTripper
	open atomic.Int64
	read atomic.Int64
}

// CloseIdleConnections closes the base's idle connections.
func (b *watchedBase) CloseIdleConnections() { transport.CloseIdleConnections(b.RoundTripper) }

// Unwrap returns the base.
func (b *watchedBase) Unwrap() http.RoundTripper { return b.RoundTripper }

// RoundTrip sends req and watches the response's body.
func (b *watchedBase) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	b.open.Add(1)
	resp.Body = &watchedBody{ReadCloser: resp.Body, base: b}
	return resp, nil
}

type watchedBody struct {
	io.ReadCloser
	base   *watchedBase
	closed sync.Once
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.base.read.Add(int64(n))
	return n, err
}

func (b *watchedBody) Close() error {
	b.closed.Do(func() { b.base.open.Add(-1) })
	return b.ReadCloser.Close()
}
