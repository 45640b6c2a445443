package transport

import (
	"errors"
	"net/http"

	"github.com/prefactordev/prefactor-go/errs"
)

// wire stands between the innermost layer and the base. It types the base's
// errors, keeps account of what the server may have carried out, and mends
// what a base may get wrong.
type wire struct {
	base http.RoundTripper
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	call := CallFrom(req.Context())
	call.sending()
	if ctx, ok := call.trace(req.Context()); ok {
		req = req.WithContext(ctx)
	}
	resp, err := w.base.RoundTrip(req)
	if err == nil && resp == nil {
		err = errors.New("the base round tripper returned neither a response nor an error")
	}
	if err != nil {
		if resp != nil && resp.Body != nil {
			_ = resp.Body.Close()
		}
		err = errs.FromBase(err)
		if !errs.MaybeApplied(err) {
			call.settle()
		}
		return nil, err
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	if !errs.Applicable(resp.StatusCode) {
		call.settle()
	}
	return resp, nil
}

func (w *wire) Unwrap() http.RoundTripper { return w.base }

func (w *wire) CloseIdleConnections() { CloseIdleConnections(w.base) }
