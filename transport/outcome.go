package transport

import (
	"context"
	"errors"
	"net/http"

	"github.com/prefactordev/prefactor-go/errs"
)

// Outcome returns what came of sending req: nil for a success, or the typed
// failure, whether it came as an error or as a response. It is for layers that
// judge, such as a breaker, metrics, or a retry of your own:
//
//	resp, err := next(req)
//	switch errs.KindOf(transport.Outcome(req, resp, err)) {
//
// If the request's own context has ended, the failure is an
// [errs.CanceledError]. If the time limit of an attempt ran out, it is an
// [errs.NetworkError] whose Timeout method returns true. Any other failure is
// what [Answer.Err] says of a response, or the error itself, typed.
//
// The response is read for it as [Read] does, and can be read again.
func Outcome(req *http.Request, resp *http.Response, err error) error {
	if err == nil {
		err = Read(req, resp).Err()
	}
	return failureOf(req.Context(), err)
}

// failureOf types err, the failure of a request with the context ctx.
func failureOf(ctx context.Context, err error) error {
	err = errs.FromLayer(err)
	if err == nil || ctx.Err() == nil || !endedBy(ctx, err) {
		return err
	}
	limit, limited := context.Cause(ctx).(*errs.NetworkError) // of an attempt
	switch {
	case !limited:
		return errs.NewCanceledError(ctx, nil)
	case errs.KindOf(err) == errs.KindAuth || errors.Is(err, limit.Cause):
		return err
	}
	return &errs.NetworkError{Sent: errs.MaybeApplied(err), Cause: limit.Cause}
}

// endedBy reports whether err only says that ctx has ended.
func endedBy(ctx context.Context, err error) bool {
	if errors.Is(err, errs.ErrCanceled) || errors.Is(err, errs.ErrExhausted) {
		return false
	}
	return errs.KindOf(err) == errs.KindNetwork || errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))
}
