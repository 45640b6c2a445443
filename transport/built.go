package transport

import "net/http"

// built is a stack on its base. It knows its parts, so that a layer without
// Unwrap hides none of the others.
type built struct {
	next  http.RoundTripper   // the outermost part, or the wire
	parts []http.RoundTripper // outermost first
	base  http.RoundTripper

	retries bool // one of the layers, or of those of a stack below, retries
}

var _ OwnedRoundTripper = (*built)(nil)

func (b *built) RoundTrip(req *http.Request) (*http.Response, error) { return b.next.RoundTrip(req) }

func (b *built) RoundTripOwned(req *http.Request) (*http.Response, error) { return Send(b.next, req) }

func (b *built) Unwrap() http.RoundTripper { return b.next }

func (b *built) CloseIdleConnections() { CloseIdleConnections(b.base) }

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
		switch next := rt.(type) {
		case *built:
			for _, part := range next.parts {
				if found, ok = As[T](part); ok {
					return found, true
				}
			}
			rt = next.base
		case interface{ Unwrap() http.RoundTripper }:
			rt = next.Unwrap()
		case interface{ WrappedRoundTripper() http.RoundTripper }:
			rt = next.WrappedRoundTripper()
		default:
			rt = nil
		}
	}
	return found, false
}

// CloseIdleConnections closes the idle connections of rt, or of the first that
// rt unwraps to that can.
func CloseIdleConnections(rt http.RoundTripper) {
	if closer, ok := As[interface{ CloseIdleConnections() }](rt); ok {
		closer.CloseIdleConnections()
	}
}
