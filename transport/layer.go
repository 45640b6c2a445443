package transport

import "net/http"

// Scope says how often a layer acts in one call, and with it where in a stack
// it can stand.
type Scope int

const (
	// Anywhere is the scope of a layer that can stand at any position, such as
	// one that logs.
	Anywhere Scope = iota
	// PerCall is the scope of a layer that acts once a call: it stands outside
	// every layer that repeats.
	PerCall
	// PerAttempt is the scope of a layer that acts on each attempt: it stands
	// inside the outermost layer that repeats, if there is one.
	PerAttempt
)

// String returns "anywhere", "once a call" or "once an attempt".
func (s Scope) String() string {
	switch s {
	case PerCall:
		return "once a call"
	case PerAttempt:
		return "once an attempt"
	}
	return "anywhere"
}

// Layer is one layer of a [Stack]: a name, a scope, and a function that puts
// the layer around a round tripper. A Layer is an immutable value, and may be
// part of many stacks.
type Layer struct {
	name      string
	scope     Scope
	detail    string
	repeating bool
	retrying  bool
	refusal   error
	wrap      func(http.RoundTripper) http.RoundTripper
}

// NewLayer returns a layer of the given name, unique in its stack, that puts
// wrap around whatever stands inside it. The round tripper that wrap returns
// must keep the contract of [http.RoundTripper] and be safe for concurrent use.
//
// Most layers are shorter with [NewLayerFunc].
func NewLayer(name string, scope Scope, wrap func(next http.RoundTripper) http.RoundTripper) Layer {
	return Layer{name: name, scope: scope, wrap: wrap}
}

// LayerFunc is the work of one layer on one request. The request belongs to the
// function, which may change it and then hands it on, as a rule by
// Send(next, req). What it must keep of the contract of [http.RoundTripper]:
// return either a response or an error, close req.Body if it doesn't hand the
// request on, and close a response's body if it doesn't return it. A refusal is
// best an [errs.RejectedError].
type LayerFunc func(req *http.Request, next http.RoundTripper) (*http.Response, error)

// NewLayerFunc returns a layer whose work is do, which must be safe for
// concurrent use.
func NewLayerFunc(name string, scope Scope, do LayerFunc) Layer {
	if do == nil {
		return Layer{name: name, scope: scope}
	}
	return NewLayer(name, scope, func(next http.RoundTripper) http.RoundTripper {
		return &funcTripper{next: next, do: do}
	})
}

// RefusedLayer stands for a layer that can't be made, such as one with options
// that are out of range. A stack that holds it refuses to be built, with err.
func RefusedLayer(name string, scope Scope, err error) Layer {
	return Layer{name: name, scope: scope, refusal: err}
}

// Name returns the layer's name.
func (l Layer) Name() string { return l.name }

// Scope returns the layer's scope.
func (l Layer) Scope() Scope { return l.scope }

// Describe returns the layer with a detail that [Stack.String] prints behind its
// name. It must hold no secret.
func (l Layer) Describe(detail string) Layer {
	l.detail = detail
	return l
}

// Repeating returns the layer marked as one that may send a request more than
// once, such as a hedge. What it has outside acts once a call, what it has
// inside once an attempt.
func (l Layer) Repeating() Layer {
	l.repeating = true
	return l
}

// Retrying returns the layer marked as one that repeats failed requests, a
// retry of your own. It is Repeating too. A stack takes one: the attempts of
// two would multiply.
func (l Layer) Retrying() Layer {
	l.repeating, l.retrying = true, true
	return l
}

// funcTripper puts a LayerFunc around next.
type funcTripper struct {
	next http.RoundTripper
	do   LayerFunc
}

var _ OwnedRoundTripper = (*funcTripper)(nil)

func (t *funcTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.do(req.Clone(req.Context()), t.next)
}

func (t *funcTripper) RoundTripOwned(req *http.Request) (*http.Response, error) {
	return t.do(req, t.next)
}

func (t *funcTripper) Unwrap() http.RoundTripper { return t.next }

func (t *funcTripper) CloseIdleConnections() { CloseIdleConnections(t.next) }
