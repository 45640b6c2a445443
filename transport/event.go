package transport

import (
	"errors"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

// EventKind says what an [Event] tells.
type EventKind int

// The kinds of events, in the order in which a call has them.
const (
	AttemptEnded   EventKind = iota + 1 // an attempt ended: Attempt tells how
	WaitBegan                           // Layer waits for Duration, at most, before it goes on
	Refused                             // Layer refused to send: Err is its [errs.RejectedError]
	TokenRefreshed                      // the token was refused; a fresh one came, or Err, after Duration
	CallEnded                           // the call ended, after Duration, with Status and Err
)

// String returns words for the kind, such as "attempt ended".
func (k EventKind) String() string {
	switch k {
	case AttemptEnded:
		return "attempt ended"
	case WaitBegan:
		return "wait began"
	case Refused:
		return "refused"
	case TokenRefreshed:
		return "token refreshed"
	case CallEnded:
		return "call ended"
	}
	return "unknown event"
}

// Event is something that happened in a call. Which fields mean something
// depends on the Kind; the others are zero.
type Event struct {
	Kind     EventKind
	Layer    string        // name of the layer that waits or refused
	Attempt  errs.Attempt  // the attempt that ended
	Status   int           // HTTP status of the call's answer; 0 if there was none
	Duration time.Duration // how long it took; of a wait, how long it will take
	Err      error         // what went wrong; nil for a success
}

// Outcome returns one word for Err, fit for a metric's label: "ok"; "auth",
// "not_found", "validation", "conflict", "rate_limited" or "server" if the
// server said so; "contract", "network", "canceled", "rejected" or "client" if
// the client found out; "error" for anything else.
func (e Event) Outcome() string {
	if e.Err == nil {
		return "ok"
	}
	for _, kind := range outcomes {
		if errors.Is(e.Err, kind.err) {
			return kind.word
		}
	}
	if errs.FromServer(e.Err) {
		return "server"
	}
	return "error"
}

// outcomes holds the words for errors. What ended a call comes before what
// went wrong earlier in it.
var outcomes = []struct {
	err  error
	word string
}{
	{errs.ErrCanceled, "canceled"},
	{errs.ErrRejected, "rejected"},
	{errs.ErrAuth, "auth"}, // before what a token source may have failed with
	{errs.ErrClient, "client"},
	{errs.ErrContract, "contract"},
	{errs.ErrNotFound, "not_found"},
	{errs.ErrValidation, "validation"},
	{errs.ErrConflict, "conflict"},
	{errs.ErrRateLimited, "rate_limited"},
	{errs.ErrNetwork, "network"},
}

// Listen has fn told of the call's events from now on, and of how the base
// sends. It is for layers that watch; what they tell to whom is theirs. Fn is
// called on the goroutine of the layer that tells, with no lock held:
// concurrently where a layer sends concurrently, such as a hedge, of which a
// loser's event may also come after the call has ended.
func (c *Call) Listen(fn func(Event)) {
	if c == nil {
		return
	}
	c.mu.Lock()
	c.listeners = append(c.listeners, fn)
	c.mu.Unlock()
	c.traced.Store(true)
}

// Notify tells those who listen of an event. It is for layers: of a limiter that
// waits, a token source that is asked again. Where nobody listens it does
// nothing. Attempts are told by [Call.Record], and refusals by their error.
func (c *Call) Notify(e Event) {
	if c == nil || !c.traced.Load() {
		return
	}
	c.mu.Lock()
	listeners := c.listeners
	c.mu.Unlock()
	for _, tell := range listeners {
		tell(e)
	}
}
