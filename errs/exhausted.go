package errs

import (
	"errors"
	"fmt"
)

// ErrExhausted matches every [RetryExhaustedError], for [errors.Is].
var ErrExhausted = errors.New("prefactor: gave up")

// Reason is why the retry layer stopped repeating a call that it could have
// repeated.
type Reason string

// The reasons to stop.
const (
	ReasonAttempts   Reason = "every attempt failed"                              // MaxRetries used up
	ReasonDeadline   Reason = "the next wait would outlast the deadline"          // the wait was not begun
	ReasonRetryAfter Reason = "the server asks to wait longer than MaxRetryDelay" // Retry-After above MaxRetryDelay
	ReasonBudget     Reason = "the retry budget is used up"                       // the wait was not begun
)

// RetryExhaustedError means that the retry layer gave up on a call that could
// have been repeated. Unwrap returns the failure of the last attempt.
type RetryExhaustedError struct {
	Reason   Reason    // why it gave up
	Attempts []Attempt // the attempts, oldest first
	Last     error     // why the last attempt failed
}

func (e *RetryExhaustedError) Error() string {
	reason := string(e.Reason)
	if wait, ok := RetryAfter(e.Last); ok && e.Reason == ReasonRetryAfter {
		reason = fmt.Sprintf("the server asks to wait %s, longer than MaxRetryDelay", wait)
	}
	if reason != "" {
		reason = ", " + reason
	}
	return "gave up" + reason + ": " + textOf(e.Last)
}

// Is reports whether target is [ErrExhausted].
func (e *RetryExhaustedError) Is(target error) bool { return target == ErrExhausted }

// Timeout reports whether a time limit ended the last attempt.
func (e *RetryExhaustedError) Timeout() bool { return timeout(e.Last) }

// Unwrap returns the failure of the last attempt.
func (e *RetryExhaustedError) Unwrap() error { return e.Last }
