package transport

import (
	"context"
	"fmt"
	"io"
	"net/http/httptrace"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

// Call is what layers may know of the API call whose request they carry. Get it
// with [CallFrom]. All methods are safe for concurrent use, and for a nil Call,
// which means that the request is no API call. The zero Call is one without an
// operation.
type Call struct {
	op      *operation
	started time.Time

	body    io.ReadCloser // the request's body, as Client made it
	encoded []byte        // what body reads from
	ready   bool          // the call's input makes a request
	refusal error         // why the call can't be sent

	key       atomic.Pointer[string]
	latest    atomic.Pointer[reading]
	limit     atomic.Int64 // the largest bound that a response was read with
	notBefore atomic.Int64 // see RetryAfter: time since started

	ledger ledger

	listening atomic.Bool // there are listeners
	mu        sync.Mutex
	attempts  []errs.Attempt
	counted   int // writes that the attempts so far account for
	listeners []func(Event)
}

type (
	callKey    struct{} // of a context's *Call
	carrierKey struct{} // of its *callContext
)

// callContext is a context that carries a call, and its trace for net/http.
type callContext struct {
	context.Context
	call Call
}

func (c *callContext) Value(key any) any {
	switch key {
	case callKey{}:
		return &c.call
	case carrierKey{}:
		return c
	case traceKey:
		return c.call.ledger.callTrace(c.Context)
	}
	return c.Context.Value(key)
}

// Format prints the call's operation, for every verb and flag. What else a Call
// holds changes while the call runs.
func (c *Call) Format(f fmt.State, _ rune) {
	text := "no call"
	if name := c.Operation(); name != "" {
		text = "call of " + name
	}
	_, _ = io.WriteString(f, text)
}

// Format prints the context as what it carries, and not what is in that.
func (c *callContext) Format(f fmt.State, verb rune) { c.call.Format(f, verb) }

func (c *callContext) String() string { return fmt.Sprint(c) }

// CallFrom returns the call that ctx carries, nil if it carries none.
func CallFrom(ctx context.Context) *Call {
	if ctx == nil {
		return nil
	}
	call, _ := ctx.Value(callKey{}).(*Call)
	return call
}

// WithoutCall returns a context that carries no call, for a request that a layer
// makes on the side, such as for a token. Deadline, cancellation and all other
// values stay. For a nil ctx it is [context.Background].
func WithoutCall(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	carrier, ok := ctx.Value(carrierKey{}).(*callContext)
	if !ok {
		return ctx
	}
	return &detachedContext{ctx, httptrace.ContextClientTrace(carrier.Context)}
}

// detachedContext hides a call and its trace: what is sent on the side isn't
// sent for the call.
type detachedContext struct {
	context.Context
	trace *httptrace.ClientTrace // of the caller's own context; may be nil
}

func (c *detachedContext) Value(key any) any {
	switch key {
	case callKey{}, carrierKey{}:
		return nil
	case traceKey:
		return c.trace
	}
	return c.Context.Value(key)
}

// Operation returns the operation's name, such as "agent_spans.finish".
func (c *Call) Operation() string {
	if c == nil || c.op == nil {
		return ""
	}
	return c.op.name
}

// Route returns the operation's path template, such as
// "/agent_spans/{id}/finish": the same for all calls of the operation, and so
// fit for a metric's label.
func (c *Call) Route() string {
	if c == nil || c.op == nil {
		return ""
	}
	return c.op.route.template
}

// Key returns the call's idempotency key; "" while it has none.
func (c *Call) Key() string {
	if c == nil {
		return ""
	}
	if key := c.key.Load(); key != nil {
		return *key
	}
	return ""
}

// setKey gives the call its key, once: a further key changes nothing.
func (c *Call) setKey(key string) {
	if c != nil {
		c.key.CompareAndSwap(nil, &key)
	}
}

// Attempts returns the attempts that have ended so far, oldest first, as the
// layer that repeats has recorded them. Without such a layer there are none.
func (c *Call) Attempts() []errs.Attempt {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.attempts)
}

// Record adds an attempt that has ended, and reports it as an [AttemptEnded]
// event. It is for layers that repeat. It returns the attempt with Sends and
// Reused filled in.
func (c *Call) Record(a errs.Attempt) errs.Attempt {
	if c == nil {
		return a
	}
	a = c.count(a)
	c.mu.Lock()
	c.attempts = append(c.attempts, a)
	c.mu.Unlock()
	c.Notify(Event{Kind: AttemptEnded, Attempt: a, Status: a.Status, Duration: a.Duration, Err: a.Err})
	return a
}

// count fills in what was written since the last attempt.
func (c *Call) count(a errs.Attempt) errs.Attempt {
	_, written, reused := c.ledger.sent()
	c.mu.Lock()
	defer c.mu.Unlock()
	a.Sends = written - c.counted
	a.Reused = a.Sends > 0 && reused
	c.counted = written
	return a
}

// bound returns the bound with which a response is read: limit, or the larger one
// that a response of the call was read with before.
func (c *Call) bound(limit int64) int64 {
	if c == nil {
		return limit
	}
	for {
		before := c.limit.Load()
		if before >= limit || c.limit.CompareAndSwap(before, limit) {
			return max(before, limit)
		}
	}
}
