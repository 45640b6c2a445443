package middleware

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prefactordev/prefactor-go/transport"
)

const (
	// fetchTimeout bounds one fetch of a token.
	fetchTimeout = 30 * time.Second

	// fetchPause is the least time from the end of one fetch of a token to the
	// next.
	fetchPause = 5 * time.Second
)

// Refresher is a [TokenSource] that can replace a token which the API refused.
// The auth layer calls Refresh for each request that was answered 401, with the
// token that the request had: concurrently, where requests are concurrent.
// Refresh returns a token that came after stale; stale itself if there is none,
// and the 401 then stands.
//
// Most sources get this from [RefreshingToken].
type Refresher interface {
	TokenSource
	Refresh(ctx context.Context, stale transport.Secret) (transport.Secret, error)
}

// RefreshingToken returns a source that fetches a token when the first is
// needed, and another one when the API refuses it. All requests that need a
// token at the same time share one fetch. It runs by itself for 30 seconds at
// most: its context carries nothing of any request, no request that gives up
// ends it, and each waits only as long as its own context lasts.
//
// After a fetch 5 seconds pass before the next. Within them a failed one is
// every request's error, and a token that the API refuses right after it was
// fetched is not replaced.
//
// Fetch gets a token from elsewhere, such as by OAuth's client credentials. It
// must honour its context, and must not send through a client that this source
// is for. It isn't called concurrently.
func RefreshingToken(fetch TokenFunc) TokenSource {
	if fetch == nil {
		return nil // refused by Auth
	}
	return &refreshingToken{fetch: fetch}
}

type refreshingToken struct {
	fetch TokenFunc

	mu     sync.Mutex
	last   *tokenFetch      // the running one, or the last; nil before the first
	latest transport.Secret // what the last fetch that went well gave
}

var _ Refresher = (*refreshingToken)(nil)

// tokenFetch is one fetch. Its results are there when done is closed.
type tokenFetch struct {
	done     chan struct{}
	token    transport.Secret
	err      error
	panicked any
	ended    time.Time

	late chan struct{} // closed when a fetch that ignores its context is given up
}

// Token returns the latest token, and fetches it if there is none.
func (r *refreshingToken) Token(ctx context.Context) (transport.Secret, error) {
	return r.Refresh(ctx, transport.Secret{})
}

// Refresh returns the latest token, if that isn't the stale one, or fetches
// another.
func (r *refreshingToken) Refresh(ctx context.Context, stale transport.Secret) (transport.Secret, error) {
	r.mu.Lock()
	if !sameToken(r.latest, stale) {
		defer r.mu.Unlock()
		return r.latest, nil
	}
	f := r.last
	if f == nil || f.over() {
		f = &tokenFetch{done: make(chan struct{}), late: make(chan struct{})}
		r.last = f
		go r.run(f)
	}
	r.mu.Unlock()

	select {
	case <-f.done:
		if f.panicked != nil {
			panic(f.panicked)
		}
		return f.token, f.err
	case <-f.late:
		return transport.Secret{}, fmt.Errorf("no token within %s, and the fetch goes on: it must honour its context", fetchTimeout)
	case <-ctx.Done():
		return transport.Secret{}, fmt.Errorf("waiting for a token: %w", context.Cause(ctx))
	}
}

// over reports whether the fetch ended so long ago that another may begin.
func (f *tokenFetch) over() bool {
	select {
	case <-f.done:
		return time.Since(f.ended) >= fetchPause
	default:
	}
	select {
	case <-f.late:
		return true
	default:
		return false
	}
}

// run fetches a token.
func (r *refreshingToken) run(f *tokenFetch) {
	f.err = errors.New("fetching a token ended without a result") // runtime.Goexit
	giveUp := time.AfterFunc(fetchTimeout+time.Second, func() { close(f.late) })
	defer func() {
		giveUp.Stop()
		f.panicked = recover() // for those who wait
		r.mu.Lock()
		if f.err == nil && f.panicked == nil && r.last == f {
			r.latest = f.token
		}
		r.mu.Unlock()
		f.ended = time.Now()
		close(f.done)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	f.token, f.err = r.fetch(ctx)
	switch {
	case f.err == nil:
		f.err = validateToken(f.token)
	case ctx.Err() != nil: // not wrapped: it isn't the caller's deadline that passed
		f.err = fmt.Errorf("no token within %s: %v", fetchTimeout, f.err)
	}
}

func sameToken(a, b transport.Secret) bool { return a.Reveal() == b.Reveal() }
