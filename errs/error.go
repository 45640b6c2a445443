package errs

import (
	"fmt"
	"strings"
	"time"
)

// Error is the failure of one call, whatever its kind. It is to a call what
// [net/url.Error] is to a request of net/http: the operation around the cause.
// Unwrap leads to the kind.
type Error struct {
	Operation string    // name of the operation, such as "agent_spans.create"
	Method    string    // HTTP method
	Route     string    // route template, such as "/agent_spans/{id}/finish"
	Key       string    // idempotency key that the call had; "" if it had none
	Attempts  []Attempt // every attempt that was made, oldest first; empty if none was

	// Elapsed is the time from the start of the call to its end, waits
	// included.
	Elapsed time.Duration

	// MaybeApplied tells that the server may have carried the call out: some
	// attempt of it reached the server, as far as the client can know, and was
	// not refused. It is false for a call that changes nothing, such as a GET.
	MaybeApplied bool

	Err error // the kind of failure
}

// Error says what happened to which operation, after how many attempts and how
// long, and how to repeat a call that may have been applied.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "prefactor: %s: %s %s: ", e.Operation, e.Method, e.Route)
	if n := len(e.Attempts); n > 1 {
		fmt.Fprintf(&b, "%d attempts in %s: ", n, e.Elapsed.Round(time.Millisecond))
	}
	b.WriteString(textOf(e.Err))
	if earlier := e.earlier(); earlier != nil && KindOf(e.Err) == KindRejected {
		b.WriteString("; before that: " + textOf(earlier))
	}
	switch {
	case e.MaybeApplied && e.Key != "":
		fmt.Fprintf(&b, "; the call may have been applied: repeat it with idempotency key %q only", e.Key)
	case e.MaybeApplied:
		b.WriteString("; the call may have been applied, and has no idempotency key: look before you repeat it")
	}
	return b.String()
}

// Unwrap returns the kind of failure.
func (e *Error) Unwrap() error { return e.Err }

// Timeout reports whether the failure is a time limit that ran out, as
// [net.Error] has it.
func (e *Error) Timeout() bool { return timeout(e.Err) }

// earlier returns the failure of the attempt before the last.
func (e *Error) earlier() error {
	if n := len(e.Attempts); n > 1 {
		return e.Attempts[n-2].Err
	}
	return nil
}
