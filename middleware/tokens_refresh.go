package middleware

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

const (
	// fetchTimeout limits one fetch of a token.
	fetchTimeout = 30 * time.Second

	// fetchPause is the minimum time from the end of one fetch to the next.
	fetchPause = 5 * time.Second
)

// Refresher is a [TokenSource] that can replace a token that the API refused.
// The auth layer calls Refresh for each request that got a 401, with the token
// that the request had. Concurrent requests call it concurrently. Refresh
// returns a newer token than stale, or stale itself if there is none; the 401
// is then returned.
//
// Most sources get this from [RefreshingToken].
type Refresher interface {
	TokenSource
	Refresh(ctx context.Context, stale transport.Secret) (transport.Secret, error)
}

// RefreshingToken returns a source that fetches a token when it is first
// needed, and another one when the API refuses it. Requests that need a token
// at the same time share one fetch. The fetch runs for at most 30 seconds, and
// apart from them: its context carries no values of a request, it doesn't end
// when a request gives up, and each request waits only until its own context
// ends.
//
// After a fetch the next one is at least 5 seconds later. Until then every
// request gets the error of a failed fetch, and a token that the API refuses
// right after its fetch is not replaced.
//
// fetch gets a token from elsewhere, such as by OAuth's client credentials. It
// must honour its context, and must not use a client that this source is for.
// It isn't called concurrently, unless an earlier call ignored the end of its
// context.
func RefreshingToken(fetch TokenFunc) TokenSource {
	if fetch == nil {
		return fetch // refused by Auth
	}
	return &refreshingToken{fetch: fetch}
}

type refreshingToken struct {
	fetch TokenFunc

	mu     sync.Mutex
	last   *tokenFetch      // the running or last one; nil before the first
	latest transport.Secret // from the last fetch that succeeded
}

var _ Refresher = (*refreshingToken)(nil)

// tokenFetch is one fetch. Its results are set when done is closed.
type tokenFetch struct {
	done     chan struct{}
	token    transport.Secret
	err      error
	panicked any
	ended    time.Time

	late chan struct{} // closed when the source no longer waits for a fetch that ignores its context
}

// Token returns the latest token, and fetches it if there is none.
func (r *refreshingToken) Token(ctx context.Context) (transport.Secret, error) {
	return r.Refresh(ctx, transport.Secret{})
}

// Refresh returns the latest token, or fetches another if that is the stale
// one.
func (r *refreshingToken) Refresh(ctx context.Context, stale transport.Secret) (transport.Secret, error) {
	if ctx == nil {
		return transport.Secret{}, &errs.ClientError{Field: "context", Problem: "is nil: give the one of the request"}
	}
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
		return transport.Secret{}, fmt.Errorf("no token within %s, and the fetch is still running: make it honour its context", fetchTimeout)
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
		f.panicked = recover() // for the requests that wait
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
		f.err = validateFetched(f.token)
	case ctx.Err() != nil: // not wrapped: it isn't the caller's deadline that passed
		f.err = fmt.Errorf("no token within %s: %v", fetchTimeout, f.err)
	}
}

func sameToken(a, b transport.Secret) bool { return a.Reveal() == b.Reveal() }
