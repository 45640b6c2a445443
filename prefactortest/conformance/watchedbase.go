package conformance

import (
	"cmp"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// watchedBase watches the response bodies, and remembers the credentials that
// arrive.
type watchedBase struct {
	http.RoundTripper
	open    atomic.Int64 // bodies that aren't closed
	longest atomic.Int64 // most bytes that were read from one body
	secrets sync.Map     // set of credentials
}

// CloseIdleConnections closes the base's idle connections.
func (b *watchedBase) CloseIdleConnections() { transport.CloseIdleConnections(b.RoundTripper) }

// Unwrap returns the base.
func (b *watchedBase) Unwrap() http.RoundTripper { return b.RoundTripper }

// RoundTrip sends req and watches the response's body.
func (b *watchedBase) RoundTrip(req *http.Request) (*http.Response, error) {
	if sent := req.Header.Get("Authorization"); sent != "" {
		_, credentials, _ := strings.Cut(sent, " ")
		b.secrets.Store(cmp.Or(credentials, sent), true)
	}
	resp, err := b.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	b.open.Add(1)
	resp.Body = &watchedBody{ReadCloser: resp.Body, base: b}
	return resp, nil
}

// credentials returns what was sent in Authorization headers, without its
// scheme.
func (b *watchedBase) credentials() (list []string) {
	for secret := range b.secrets.Range {
		list = append(list, secret.(string))
	}
	return list
}

type watchedBody struct {
	io.ReadCloser
	base   *watchedBase
	read   atomic.Int64
	closed sync.Once
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	total := b.read.Add(int64(n))
	for most := b.base.longest.Load(); total > most && !b.base.longest.CompareAndSwap(most, total); {
		most = b.base.longest.Load()
	}
	return n, err
}

func (b *watchedBody) Close() error {
	b.closed.Do(func() { b.base.open.Add(-1) })
	return b.ReadCloser.Close()
}

// authorized returns base, which gets the fake's token whatever the stack under
// test sends, if that has an auth of its own.
func (s *suite) authorized(base http.RoundTripper) http.RoundTripper {
	if !s.ownAuth {
		return base
	}
	return authorizing{base}
}

type authorizing struct{ http.RoundTripper }

// Unwrap returns the base.
func (a authorizing) Unwrap() http.RoundTripper { return a.RoundTripper }

func (a authorizing) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+prefactortest.Token)
	return a.RoundTripper.RoundTrip(req)
}
