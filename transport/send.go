package transport

import (
	"errors"
	"net/http"
)

// OwnedRoundTripper is a round tripper that can take a request over. A request
// that comes through RoundTrip belongs to the caller and must not be changed,
// as [http.RoundTripper] demands; one that comes through RoundTripOwned belongs
// to the round tripper, which may change it in place. Adjacent layers hand a
// request on in this way, so that it is cloned once and not once a layer.
type OwnedRoundTripper interface {
	http.RoundTripper
	RoundTripOwned(*http.Request) (*http.Response, error)
}

// Send sends a request that the caller owns, and gives it away if next can take
// it. Afterwards the caller may ask it for its context, as [Read] does, and must
// use nothing else of it.
//
// What comes back is a response, with a body, or an error, and never both or
// neither, even if next breaks that part of its contract.
func Send(next http.RoundTripper, req *http.Request) (*http.Response, error) {
	if owner, ok := next.(OwnedRoundTripper); ok {
		return either(owner.RoundTripOwned(req))
	}
	return either(next.RoundTrip(req))
}

// either returns a response with a body, or an error.
func either(resp *http.Response, err error) (*http.Response, error) {
	switch {
	case err != nil && resp != nil && resp.Body != nil:
		_ = resp.Body.Close()
		fallthrough
	case err != nil:
		return nil, err
	case resp == nil:
		return nil, errors.New("a round tripper returned neither a response nor an error")
	case resp.Body == nil:
		resp.Body = http.NoBody
	}
	return resp, nil
}
