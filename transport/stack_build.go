package transport

import (
	"net/http"
	"slices"

	"github.com/prefactordev/prefactor-go/errs"
)

// RoundTripper builds the stack on base, and returns a round tripper that is
// safe for concurrent use, unwraps (see [As]) and forwards CloseIdleConnections
// to base. It works under a [Client] and, for requests of any kind, under an
// [http.Client].
//
// A base that wraps a transport without an Unwrap or a CloseIdleConnections method,
// as otelhttp's does, hides that transport from both. A layer of the same round
// tripper, made by [NewLayer], doesn't.
//
// base may be a built stack itself. Positions are checked in each stack by itself,
// but two retries are found in both together.
//
// A stack with mistakes is refused with all of them at once, joined: an
// [errs.ClientError] each.
func (s Stack) RoundTripper(base http.RoundTripper) (http.RoundTripper, error) {
	if err := s.check(base); err != nil {
		return nil, err
	}
	b := &built{base: base, outer: base}
	gate := s.gate()
	if inner, ok := As[*built](base); ok { // which has a wire and a gate
		b.retries = inner.retries
		gate = -1
	} else {
		b.outer = newWire(base)
	}
	if gate == len(s.entries) {
		b.outer = refusals.wrap(b.outer)
	}
	for i, e := range slices.Backward(s.entries) {
		b.retries = b.retries || e.scope == Retries
		rt := e.wrap(b.outer)
		if rt == nil {
			return nil, mistake("layer %q wraps to nil: its wrap function must return a round tripper", e.name)
		}
		if nested, ok := rt.(*built); ok && nested.retries {
			if b.retries || s.index(func(e entry) bool { return e.scope == Retries }) >= 0 {
				return nil, mistake("layer %q wraps to a stack that retries, and so does the stack that it is in: their attempts would multiply", e.name)
			}
			b.retries = true
		}
		if closer, ok := rt.(idleCloser); ok && rt != b.outer {
			if _, ours := rt.(*funcTripper); !ours {
				b.closers = append(b.closers, closer)
			}
		}
		b.outer = complete(rt, b.outer)
		if i == gate {
			b.outer = refusals.wrap(b.outer)
		}
	}
	b.next = nextOf(b.outer)
	return b, nil
}

// gate returns the index of the outermost layer that may act more than once a call;
// the number of layers if none may.
func (s Stack) gate() int {
	if i := s.index(func(e entry) bool { return e.scope == PerAttempt || e.scope.repeats() }); i >= 0 {
		return i
	}
	return len(s.entries)
}

var errNoRequest = &errs.ClientError{Field: "request", Problem: "is nil, or has no URL or no header: make it with http.NewRequestWithContext"}

// built is a stack on its base.
type built struct {
	outer http.RoundTripper // the outermost layer, or the wire
	next  Next              // of outer
	base  http.RoundTripper

	retries bool         // one of the layers, or of those of a stack below, retries
	closers []idleCloser // foreign layers, which may have connections of their own
}

type idleCloser interface{ CloseIdleConnections() }

// RoundTrip refuses a request that no layer could work on. net/http would refuse
// it, too.
func (b *built) RoundTrip(req *http.Request) (*http.Response, error) {
	if req == nil || req.URL == nil || req.Header == nil {
		closeBody(req)
		return nil, errNoRequest
	}
	return b.outer.RoundTrip(req)
}

func (b *built) Unwrap() http.RoundTripper { return b.outer }

// CloseIdleConnections closes those of the base and of foreign layers, whether or
// not these hand it on.
func (b *built) CloseIdleConnections() {
	for _, layer := range b.closers {
		layer.CloseIdleConnections()
	}
	CloseIdleConnections(b.base)
}

// As finds the first round tripper of type T in rt: rt itself, a layer of a
// built stack, its base, or what any of these unwraps to by an Unwrap or
// WrappedRoundTripper method that returns an [http.RoundTripper].
//
//	base, ok := transport.As[*http.Transport](rt)
func As[T any](rt http.RoundTripper) (found T, ok bool) {
	for rt != nil {
		if found, ok = rt.(T); ok {
			return found, true
		}
		switch outer := rt.(type) {
		case *foreignTripper:
			if found, ok = As[T](outer.RoundTripper); ok {
				return found, true
			}
			rt = outer.inner
		case interface{ Unwrap() http.RoundTripper }:
			rt = outer.Unwrap()
		case interface{ WrappedRoundTripper() http.RoundTripper }:
			rt = outer.WrappedRoundTripper()
		default:
			rt = nil
		}
	}
	return found, false
}

// CloseIdleConnections closes the idle connections of rt, or of the first round
// tripper that rt unwraps to that can.
func CloseIdleConnections(rt http.RoundTripper) {
	if closer, ok := As[idleCloser](rt); ok {
		closer.CloseIdleConnections()
	}
}
