package transport

import "net/http"

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
// it. The caller must not use req afterwards.
func Send(next http.RoundTripper, req *http.Request) (*http.Response, error) {
	if owner, ok := next.(OwnedRoundTripper); ok {
		return owner.RoundTripOwned(req)
	}
	return next.RoundTrip(req)
}
