package errs

import (
	"cmp"
	"errors"
)

// ErrClient matches every [ClientError], for [errors.Is].
var ErrClient = errors.New("prefactor: bad input")

// ClientError is the caller's own mistake, found before anything was sent.
type ClientError struct {
	Field   string // the input, such as "agent_instance_id" or "MaxRetries"
	Problem string // what is wrong with it, and what to do
}

func (e *ClientError) Error() string {
	return cmp.Or(e.Field, "the input") + " " + cmp.Or(e.Problem, "is wrong")
}

// Is reports whether target is [ErrClient].
func (e *ClientError) Is(target error) bool { return target == ErrClient }
