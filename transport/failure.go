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
		MaybeApplied: c.unsettled.Load() > 0 && !SafeMethod(c.op.method),
		Err:          err,
	}
	if len(failure.Attempts) == 0 && c.sends.Load() > 0 {
		failure.Attempts = []errs.Attempt{c.count(errs.Attempt{Number: 1, Status: status, Err: err, Duration: failure.Elapsed})}
	}
	return failure
}

// endedBy reports whether err is but the end of ctx, seen from further in.
func endedBy(ctx context.Context, err error) bool {
	if errors.Is(err, errs.ErrCanceled) || errors.Is(err, errs.ErrExhausted) {
		return false
	}
	return errors.Is(err, errs.ErrNetwork) || errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))
}
