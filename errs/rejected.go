package errs

import (
	"errors"
	"fmt"
)

// ErrRejected matches every [RejectedError], for [errors.Is].
var ErrRejected = errors.New("prefactor: refused by a layer")

// RejectedError means that a layer of the client refused to send: a circuit
// breaker, a rate limiter, a bulkhead, a budget. Nothing was sent in this
// attempt. The retry layer doesn't repeat it, because the layer that refused
// has already decided. Layers of your own return it to refuse a call.
type RejectedError struct {
	Layer string // name of the layer that refused
	Cause error  // why it refused
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("not sent: layer %q refused: %s", e.Layer, textOf(e.Cause))
}

// Is reports whether target is [ErrRejected].
func (e *RejectedError) Is(target error) bool { return target == ErrRejected }

// Unwrap returns the cause.
func (e *RejectedError) Unwrap() error { return e.Cause }
