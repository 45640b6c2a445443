package errs

import (
	"context"
	"errors"
	"net"
)

// ErrCanceled matches every [CanceledError], for [errors.Is].
var ErrCanceled = errors.New("prefactor: canceled by the caller")

// CanceledError means that the caller's context ended before the call did. It
// matches [context.Canceled] or [context.DeadlineExceeded], whichever ended the
// context. It is a [net.Error], as the error of a plain [net/http.Client] is then.
type CanceledError struct {
	Err   error // the context's Err
	Cause error // the context's Cause; the same as Err unless one was given
	Last  error // why the last complete attempt failed; nil if there was none
}

// NewCanceledError returns the [CanceledError] for ctx, which must have ended.
// last is the failure of the last complete attempt, or nil.
func NewCanceledError(ctx context.Context, last error) *CanceledError {
	if ctx == nil {
		return &CanceledError{Last: last}
	}
	return &CanceledError{Err: ctx.Err(), Cause: context.Cause(ctx), Last: last}
}

func (e *CanceledError) Error() string {
	text := "canceled by the caller"
	if errors.Is(e.Err, context.DeadlineExceeded) {
		text = "the caller's deadline passed, allow more time"
	}
	if e.Cause != nil && e.Cause != e.Err {
		text += ": " + textOf(e.Cause)
	}
	if e.Last != nil {
		text += "; before that: " + textOf(e.Last)
	}
	return text
}

// Is reports whether target is [ErrCanceled].
func (e *CanceledError) Is(target error) bool { return target == ErrCanceled }

// Timeout reports whether a deadline ended the context, or another time limit that
// was given as the cause. An earlier attempt that timed out doesn't count.
func (e *CanceledError) Timeout() bool { return timeout(e.Err) || timeout(e.Cause) }

// Temporary is Timeout; [net.Error] asks for it.
func (e *CanceledError) Temporary() bool { return e.Timeout() }

var _ net.Error = (*CanceledError)(nil)

// Unwrap returns those of the context's error, its cause and the last attempt's
// failure that are set.
func (e *CanceledError) Unwrap() []error {
	var all []error
	if e.Err != nil {
		all = append(all, e.Err)
	}
	if e.Cause != nil && e.Cause != e.Err {
		all = append(all, e.Cause)
	}
	if e.Last != nil {
		all = append(all, e.Last)
	}
	return all
}
