package transport

import (
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

// EventKind says what an [Event] reports.
type EventKind int

// The kinds of events, in the order in which a call has them. Each comment names
// the fields of [Event] that hold; the others are zero.
const (
	// AttemptEnded means that an attempt ended: Attempt says how, and Status,
	// Duration and Err are those of Attempt. Err is nil for a success.
	AttemptEnded EventKind = iota + 1

	// WaitBegan means that Layer waits before it goes on, for Duration at most.
	WaitBegan

	// Refused means that Layer refused to send. Err is its [errs.RejectedError].
	Refused

	// TokenRefreshed means that Layer asked for another token, because the API
	// refused the one that it had, and that this took Duration. Err is nil unless
	// it failed.
	TokenRefreshed

	// CallEnded means that the call ended after Duration. Status is that of the
	// response that it ended with, 0 if it ended without one. Err is nil for a
	// success.
	CallEnded
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

// Event is something that happened in a call. Which fields hold depends on the
// Kind.
type Event struct {
	Kind     EventKind
	Layer    string        // name of the layer that waits, refused or asked for a token
	Attempt  errs.Attempt  // the attempt that ended
	Status   int           // HTTP status; 0 if there was no response
	Duration time.Duration // how long it took; for a wait, how long it may take
	Err      error         // what went wrong; nil for a success
}

// Listen calls fn for each later event of the call. fn is called on the goroutine
// of the layer that reports, with no lock held: concurrently where a layer sends
// concurrently, such as a hedge, and for the loser of a hedge perhaps after the
// call has ended. A nil fn is not called.
func (c *Call) Listen(fn func(Event)) {
	if c == nil || fn == nil {
		return
	}
	c.mu.Lock()
	c.listeners = append(c.listeners, fn)
	c.mu.Unlock()
	c.listening.Store(true)
}

// Notify reports an event to the listeners; without any it does nothing. Layers
// call it to report waits and token refreshes. Attempts are reported by
// [Call.Record], and refusals are taken from the error.
func (c *Call) Notify(e Event) {
	if c == nil || !c.listening.Load() {
		return
	}
	c.mu.Lock()
	listeners := c.listeners
	c.mu.Unlock()
	for _, fn := range listeners {
		fn(e)
	}
}
