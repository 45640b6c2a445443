package transport

import (
	"net/http"

	"github.com/prefactordev/prefactor-go/errs"
)

// wire stands between the innermost layer and the base. It types the base's
// errors, and keeps account of what the server may have carried out.
type wire struct {
	base http.RoundTripper
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	call := CallFrom(req.Context())
	call.sending()
	if ctx, ok := call.trace(req.Context()); ok {
		req = req.WithContext(ctx)
	}
	resp, err := either(w.base.RoundTrip(req))
	if err != nil {
		err = errs.FromBase(req.Context(), err)
		call.lost(err)
		return nil, err
	}
	call.heard()
	if !errs.Applicable(resp.StatusCode) {
		call.settle()
	}
	return resp, nil
}

func (w *wire) Unwrap() http.RoundTripper { return w.base }

func (w *wire) CloseIdleConnections() { CloseIdleConnections(w.base) }
