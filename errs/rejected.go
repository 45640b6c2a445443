package errs

import (
	"errors"
	"fmt"
)

// ErrRejected matches every [RejectedError], for [errors.Is].
var ErrRejected = errors.New("prefactor: refused by a layer")

// RejectedError means that a layer of the client refused to send: a circuit
// breaker, a rate limiter, a bulkhead, a budget. This attempt sent nothing. The
// retry layer doesn't repeat it: the layer that refused has already decided.
// Return one from a layer of your own that refuses calls.
type RejectedError struct {
	Layer string // name of the layer that refused
	Cause error  // its reason
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("not sent: layer %q refused: %s", e.Layer, textOf(e.Cause))
}

// Is reports whether target is [ErrRejected].
func (e *RejectedError) Is(target error) bool { return target == ErrRejected }

// Unwrap returns the layer's reason.
func (e *RejectedError) Unwrap() error { return e.Cause }
