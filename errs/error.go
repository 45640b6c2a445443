package errs

import (
	"fmt"
	"strings"
	"time"
)

// Error is the failure of one call, whatever its kind: the operation around the
// cause, as [net/url.Error] is for a request of net/http. Unwrap returns the
// cause.
type Error struct {
	Operation string    // the operation's name, such as "agent_spans.create"
	Method    string    // HTTP method
	Route     string    // route template, such as "/agent_spans/{id}/finish"
	Key       string    // idempotency key of the call; "" if it had none
	Attempts  []Attempt // the attempts, oldest first; empty if none was made

	// Elapsed is the time from the start of the call to its end, waits
	// included.
	Elapsed time.Duration

	// MaybeApplied reports whether the server may have carried out the
	// call: as far as the client can know, an attempt reached the server
	// and was not refused. It is false for a call that changes nothing,
	// such as a GET.
	MaybeApplied bool

	// Body returns the body as it was encoded, without the idempotency key; nil if
	// the call had none. transport.RepeatOf sends it again. Body itself is nil if the
	// call's input was wrong. It is a function so that no print of the error shows what
	// was in the body.
	Body func() []byte `json:"-"`

	Err error // the failure, of one of the kinds
}

// Error returns what happened to which operation, after how many attempts and
// how long, and how to repeat a call that may have been applied.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("prefactor: ")
	for _, part := range []string{e.Operation, strings.TrimSpace(e.Method + " " + e.Route)} {
		if part != "" { // an operation that can't be sent may have none
			b.WriteString(part + ": ")
		}
	}
	if n := len(e.Attempts); n > 1 {
		fmt.Fprintf(&b, "%d attempts in %s: ", n, e.Elapsed.Round(time.Millisecond))
	}
	b.WriteString(textOf(e.Err))
	if earlier := e.earlier(); earlier != nil && KindOf(e.Err) == KindRejected {
		b.WriteString("; before that: " + textOf(earlier))
	}
	switch {
	case e.MaybeApplied && e.Key != "":
		fmt.Fprintf(&b, "; the call may have been applied: repeat it only with idempotency key %q", e.Key)
	case e.MaybeApplied:
		b.WriteString("; the call may have been applied, and has no idempotency key: check whether it was applied before you repeat it")
	}
	return b.String()
}

// Unwrap returns the failure without the call around it.
func (e *Error) Unwrap() error { return e.Err }

// Timeout reports whether a time limit ran out, as the method of [net.Error]
// does.
func (e *Error) Timeout() bool { return timeout(e.Err) }

// earlier returns the failure of the attempt before the last.
func (e *Error) earlier() error {
	if n := len(e.Attempts); n > 1 {
		return e.Attempts[n-2].Err
	}
	return nil
}
