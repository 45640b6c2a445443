package transport

import (
	"errors"
	"net/http"
	"slices"
)

// Scope says how often a layer acts in one call, and so where in a stack it can
// stand.
type Scope int

const (
	// Anywhere is for a layer that can stand at any position, such as one that
	// logs.
	Anywhere Scope = iota
	// PerCall is for a layer that acts once a call. It stands outside every layer
	// that repeats.
	PerCall
	// PerAttempt is for a layer that acts on each attempt, also next to the wire. It
	// stands inside the outermost layer that repeats, if there is one.
	PerAttempt
	// Repeats is for a layer that may send a request more than once, such as a
	// hedge: the layers outside of it act once a call, those inside once an
	// attempt. It can stand anywhere.
	Repeats
	// Retries is for a layer that sends failed requests again. It repeats, too. A
	// stack has one at most, because the attempts of two would multiply. A retry of
	// another package goes into middleware.ForeignRetry: without that it doesn't
	// repeat bodies that were cut, may repeat calls without a key, and the errors
	// know one attempt only.
	Retries
)

// String returns words for the scope, such as "once a call".
func (s Scope) String() string {
	switch s {
	case PerCall:
		return "once a call"
	case PerAttempt:
		return "once an attempt"
	case Repeats:
		return "repeats"
	case Retries:
		return "retries"
	}
	return "anywhere"
}

// repeats reports whether a layer may send a request more than once.
func (s Scope) repeats() bool { return s == Repeats || s == Retries }

// Layer is one layer of a [Stack]: a name, a scope, and a function that puts
// the layer around a round tripper. A Layer is an immutable value and may be
// part of many stacks.
type Layer struct {
	name    string
	scope   Scope
	detail  string
	inside  []string // layers that must stand outside of it
	refusal error
	wrap    func(http.RoundTripper) http.RoundTripper
}

// Next sends a request to the rest of the stack, and takes it over. Afterwards
// don't touch the request, except to pass it to [Outcome] or [Read] or to ask for
// its context.
//
// Next returns either a response, with a body, or an error.
type Next func(*http.Request) (*http.Response, error)

// LayerFunc is the work of one layer on one request. The request belongs to the
// function, which may change it and then hands it on, usually by next(req). The
// rest of the contract of [http.RoundTripper] holds: return either a response or
// an error, close req.Body if the request isn't handed on, and close a response's
// body if the response isn't returned. A layer that refuses a request returns an
// [errs.RejectedError].
type LayerFunc func(req *http.Request, next Next) (*http.Response, error)

// NewLayerFunc returns a layer whose work is do, which must be safe for
// concurrent use. The name must be unique in a stack.
func NewLayerFunc(name string, scope Scope, do LayerFunc) Layer {
	if do == nil {
		return Layer{name: name, scope: scope}
	}
	return NewLayerOn(name, scope, func(http.RoundTripper) LayerFunc { return do })
}

// NewLayerOn is [NewLayerFunc] for a layer that depends on what it stands on, such
// as one that finds the base with [As]. on is called once for each stack that is
// built, with the layers and the base inside, and returns the work.
func NewLayerOn(name string, scope Scope, on func(inner http.RoundTripper) LayerFunc) Layer {
	if on == nil {
		return Layer{name: name, scope: scope}
	}
	return NewLayer(name, scope, func(inner http.RoundTripper) http.RoundTripper {
		do := on(inner)
		if do == nil {
			return nil
		}
		return &funcTripper{do: do, inner: inner, next: nextOf(inner)}
	})
}

// NewLayer returns a layer for a round tripper that is written elsewhere: wrap
// puts it around whatever stands inside. The name must be unique in a stack. What
// wrap returns must keep the contract of [http.RoundTripper] and be safe for
// concurrent use. If it lacks Unwrap or CloseIdleConnections, the stack provides
// them.
//
// For a layer of your own [NewLayerFunc] is shorter.
func NewLayer(name string, scope Scope, wrap func(next http.RoundTripper) http.RoundTripper) Layer {
	return Layer{name: name, scope: scope, wrap: wrap}
}

// RefusedLayer is in place of a layer that can't be made, such as one with an
// option out of range: a stack that holds it refuses to be built, with err.
func RefusedLayer(name string, scope Scope, err error) Layer {
	return Layer{name: name, scope: scope, refusal: err}
}

// Name returns the layer's name.
func (l Layer) Name() string { return l.name }

// Describe returns the layer with a detail that [Stack.String] prints behind its
// name. It must hold no secret.
func (l Layer) Describe(detail string) Layer {
	l.detail = detail
	return l
}

// Inside returns the layer with the names of layers that must stand outside of
// it, where the stack has them. A stack in another order refuses to be built.
func (l Layer) Inside(names ...string) Layer {
	l.inside = slices.Concat(l.inside, names)
	return l
}

// funcTripper puts a LayerFunc around a round tripper.
type funcTripper struct {
	do    LayerFunc
	inner http.RoundTripper
	next  Next // of inner
}

// RoundTrip clones the request, which belongs to the caller.
func (t *funcTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.do(req.Clone(req.Context()), t.next)
}

// send is a [Next].
func (t *funcTripper) send(req *http.Request) (*http.Response, error) {
	return either(t.do(req, t.next))
}

func (t *funcTripper) Unwrap() http.RoundTripper { return t.inner }

func (t *funcTripper) CloseIdleConnections() { CloseIdleConnections(t.inner) }

// foreignTripper adds what a round tripper of another package lacks.
type foreignTripper struct {
	http.RoundTripper
	inner http.RoundTripper
}

// complete returns rt, a layer around inner, with Unwrap and
// CloseIdleConnections.
func complete(rt, inner http.RoundTripper) http.RoundTripper {
	_, unwraps := rt.(interface{ Unwrap() http.RoundTripper })
	_, closes := rt.(interface{ CloseIdleConnections() })
	if unwraps && closes {
		return rt
	}
	return &foreignTripper{rt, inner}
}

func (t *foreignTripper) Unwrap() http.RoundTripper { return t.inner }

func (t *foreignTripper) CloseIdleConnections() {
	if closer, ok := t.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
		return
	}
	CloseIdleConnections(t.inner)
}

// nextOf returns how a layer sends to rt. Layers of this package take a request
// over as it is; to any other round tripper it still belongs to its sender, who
// doesn't use it again.
func nextOf(rt http.RoundTripper) Next {
	switch rt := rt.(type) {
	case *funcTripper:
		return rt.send
	case *built:
		return rt.next
	case *wire:
		return rt.send
	case *foreignTripper:
		return nextOf(rt.RoundTripper)
	}
	return func(req *http.Request) (*http.Response, error) { return either(rt.RoundTrip(req)) }
}

var errNeither = errors.New("a round tripper returned neither a response nor an error")

// either returns a response with a header and a body, or an error.
func either(resp *http.Response, err error) (*http.Response, error) {
	switch {
	case err != nil && resp != nil && resp.Body != nil:
		_ = resp.Body.Close()
		fallthrough
	case err != nil:
		return nil, err
	case resp == nil:
		return nil, errNeither
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	if resp.Header == nil {
		resp.Header = make(http.Header)
	}
	return resp, nil
}
