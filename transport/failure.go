package transport

import (
	"context"
	"errors"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

// failed returns the error of a call that failed with err; status is that of
// its last answer, 0 if there was none.
func (c *Call) failed(ctx context.Context, status int, err error) error {
	err = errs.FromLayer(err)
	if ctx.Err() != nil && endedBy(ctx, err) {
		err = errs.NewCanceledError(ctx, nil)
	}
	failure := &errs.Error{
		Operation:    c.op.name,
		Method:       c.op.method,
		Route:        c.op.route,
		Key:          c.Key(),
		Attempts:     c.Attempts(),
		Elapsed:      time.Since(c.started),
		MaybeApplied: !SafeMethod(c.op.method) && c.maybeApplied(err),
		Err:          err,
	}
	if len(failure.Attempts) == 0 && c.sends.Load() > 0 {
		failure.Attempts = []errs.Attempt{c.count(errs.Attempt{Number: 1, Status: status, Err: err, Duration: failure.Elapsed})}
	}
	return failure
}

// maybeApplied reports whether the server may have carried out a call that
// failed with err. What was sent past the wire, by a layer that has a transport
// of its own, only err can tell of.
func (c *Call) maybeApplied(err error) bool {
	if c.sends.Load() == 0 {
		return !errors.Is(err, errs.ErrCanceled) && errs.MaybeApplied(err)
	}
	return c.unsettled.Load() > 0
}

// endedBy reports whether err is but the end of ctx, seen from further in.
func endedBy(ctx context.Context, err error) bool {
	if errors.Is(err, errs.ErrCanceled) || errors.Is(err, errs.ErrExhausted) {
		return false
	}
	return errors.Is(err, errs.ErrNetwork) || errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))
}
