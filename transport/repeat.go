package transport

import (
	"errors"

	"github.com/prefactordev/prefactor-go/errs"
)

// RepeatOf repeats the call that failed with err: its body is sent again, byte for
// byte, with its idempotency key. Of this call's input only the path values count.
// So a call that may have been applied is applied once at most, also if there is a
// time in it:
//
//	span, err := api.Spans.Create(ctx, params)
//	if errs.MaybeApplied(err) {
//		span, err = api.Spans.Create(ctx, params, transport.RepeatOf(err))
//	}
//
// It is an [errs.ClientError] if err isn't the error of a call of the same operation,
// if that call's input was wrong, or if that call may have been applied and had no
// idempotency key.
func RepeatOf(err error) Option {
	return func(o *options) {
		if o.repeat = err; err == nil {
			o.repeat = errNoCall
		}
	}
}

var errNoCall = errors.New("no error")

// repeat takes over the body and the key of the call that opts.repeat is the error of.
func (c *Call) repeat(opts *options) error {
	failed, ok := errors.AsType[*errs.Error](opts.repeat)
	switch {
	case !ok:
		return notRepeated("needs the error of a call")
	case failed.Operation != c.op.name || failed.Method != c.op.method || failed.Route != c.op.route.template:
		return notRepeated("has the error of " + errs.Words(failed.Operation) + ": repeat that operation, and not " + c.op.name)
	case failed.Body == nil:
		return notRepeated("has the error of a call that couldn't be sent: correct its input, and make a new call")
	case opts.keySet && opts.key != failed.Key:
		return notRepeated("has the error of a call with another idempotency key: leave WithIdempotencyKey out")
	case failed.Key == "" && failed.MaybeApplied && !c.op.replayable:
		return notRepeated("has the error of a call without an idempotency key that may have been applied: check whether it was, before you make a new call")
	}
	c.encoded = failed.Body()
	if failed.Key != "" {
		opts.key, opts.keySet = failed.Key, true
	}
	return nil
}

func notRepeated(problem string) error {
	return &errs.ClientError{Field: "RepeatOf", Problem: problem}
}
