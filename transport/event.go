package transport

import (
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

// EventKind says what an [Event] reports.
type EventKind int

// The kinds of events, in the order in which a call has them.
const (
	AttemptEnded   EventKind = iota + 1 // an attempt ended as Attempt says
	WaitBegan                           // Layer waits for Duration, at most, before it goes on
	Refused                             // Layer refused to send: Err is its [errs.RejectedError]
	TokenRefreshed                      // a new token was fetched for one that was refused; Err is set if that failed
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

// Event is something that happened in a call. Which fields are set depends on
// the Kind; the others are zero.
type Event struct {
	Kind     EventKind
	Layer    string        // name of the layer that waits or refused
	Attempt  errs.Attempt  // the attempt that ended
	Status   int           // HTTP status of the call's last response; 0 if there was none
	Duration time.Duration // how long it took; for a wait, how long it may take
	Err      error         // what went wrong; nil for a success
}

// Listen calls fn for each later event of the call. fn is called on the goroutine
// of the layer that reports, with no lock held: concurrently where a layer sends
// concurrently, such as a hedge, and for the loser of a hedge perhaps after the
// call has ended.
func (c *Call) Listen(fn func(Event)) {
	if c == nil {
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
