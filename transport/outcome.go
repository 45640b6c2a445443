package transport

import (
	"context"
	"errors"
	"net/http"
	"os"

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
// The response is read for it as [Read] does, and can be read again. Neither a
// response nor an error is a failure, too; a nil req is no API call.
func Outcome(req *http.Request, resp *http.Response, err error) error {
	if err == nil {
		err = Read(req, resp).Err()
	}
	ctx := contextOf(req)
	limit, limited := attemptLimit(ctx)
	switch {
	case !endedBy(ctx, err):
		return errs.FromLayer(err)
	case !limited:
		return errs.NewCanceledError(ctx, nil)
	case errs.KindOf(err) == errs.KindAuth || errors.Is(err, limit):
		return err
	}
	return &errs.NetworkError{Sent: errs.KindOf(err) == errs.KindOther || errs.MaybeApplied(err), Cause: limit}
}

// attemptLimit returns the error of the time limit of an attempt, if that ended
// ctx. It isn't the caller's context then.
func attemptLimit(ctx context.Context) (limit error, ok bool) {
	expired, ok := context.Cause(ctx).(*errs.NetworkError)
	switch {
	case !ok:
		return nil, false
	case expired.Cause == nil: // a foreign layer's
		return os.ErrDeadlineExceeded, true
	}
	return expired.Cause, true
}

// endedBy reports whether err may be just the end of ctx: an error of the network,
// or one of another package, which may have hidden its cause.
func endedBy(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() == nil || errors.Is(err, errs.ErrCanceled) || errors.Is(err, errs.ErrExhausted) {
		return false
	}
	switch errs.KindOf(err) {
	case errs.KindNetwork, errs.KindOther:
		return true
	}
	return errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))
}
