package transport

import (
	"context"
	"io"
	"net/http/httptrace"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

// Call is what a layer may know of the API call whose request it carries. Get
// it with [CallFrom]. All methods are safe for concurrent use, and for a nil
// Call, which stands for a request that is no API call.
type Call struct {
	op      *operation
	started time.Time

	body    io.ReadCloser // the request's body, as Client made it
	encoded []byte        // what body reads from

	key    atomic.Pointer[string]
	latest atomic.Pointer[reading]

	sends     atomic.Int32 // requests that went to the base
	unsettled atomic.Int32 // those that the server may have carried out
	answered  atomic.Bool  // the last of them has an answer
	limit     atomic.Int64 // the largest bound that an answer was read with

	traced  atomic.Bool  // written and reused are kept
	written atomic.Int32 // requests that the base wrote to a connection
	counted atomic.Int32 // those of them that attempts tell of
	reused  atomic.Bool  // the last of them went over a used connection

	mu        sync.Mutex
	attempts  []errs.Attempt
	listeners []func(Event)
}

type callKey struct{}

// callContext is a context that carries a call, in one allocation.
type callContext struct {
	context.Context
	call Call
}

func (c *callContext) Value(key any) any {
	if key == (callKey{}) {
		return &c.call
	}
	return c.Context.Value(key)
}

// CallFrom returns the call that ctx carries, nil if it carries none.
func CallFrom(ctx context.Context) *Call {
	call, _ := ctx.Value(callKey{}).(*Call)
	return call
}

// WithoutCall returns a context that carries no call, for a request that a
// layer makes on the side, such as for a token. Deadline, cancellation and all
// other values stay.
func WithoutCall(ctx context.Context) context.Context {
	return context.WithValue(ctx, callKey{}, (*Call)(nil))
}

// Operation returns the operation's name, such as "agent_spans.finish".
func (c *Call) Operation() string {
	if c == nil {
		return ""
	}
	return c.op.name
}

// Method returns the operation's HTTP method.
func (c *Call) Method() string {
	if c == nil {
		return ""
	}
	return c.op.method
}

// Route returns the operation's path template, such as
// "/agent_spans/{id}/finish": the same for all calls of the operation, and so
// fit for a metric's label.
func (c *Call) Route() string {
	if c == nil {
		return ""
	}
	return c.op.route
}

// Replayable reports whether the call may be sent more than once even without
// an idempotency key.
func (c *Call) Replayable() bool { return c != nil && c.op.replayable }

// Started returns when the call began.
func (c *Call) Started() time.Time {
	if c == nil {
		return time.Time{}
	}
	return c.started
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

// Record adds an attempt that has ended, and tells who listens of it: an
// [AttemptEnded]. It is for layers that repeat. It returns the attempt with
// Sends and Reused filled in.
func (c *Call) Record(a errs.Attempt) errs.Attempt {
	if c == nil {
		return a
	}
	a = c.count(a)
	c.mu.Lock()
	c.attempts = append(c.attempts, a)
	c.mu.Unlock()
	c.traced.Store(true) // a call in trouble is looked at more closely
	c.Notify(Event{Kind: AttemptEnded, Attempt: a, Duration: a.Duration, Err: a.Err})
	return a
}

// count fills in what was sent since the last attempt.
func (c *Call) count(a errs.Attempt) errs.Attempt {
	written := c.written.Load()
	a.Sends = int(written - c.counted.Swap(written))
	a.Reused = a.Sends > 0 && c.reused.Load()
	return a
}

// trace returns ctx such that the base tells what it writes, if somebody wants
// to know it.
func (c *Call) trace(ctx context.Context) (traced context.Context, ok bool) {
	if c == nil || !c.traced.Load() {
		return ctx, false
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      func(conn httptrace.GotConnInfo) { c.reused.Store(conn.Reused) },
		WroteHeaders: func() { c.written.Add(1) },
	}), true
}

// sending notes that a request goes to the base.
func (c *Call) sending() {
	if c != nil {
		c.sends.Add(1)
		c.unsettled.Add(1)
	}
}

// bound returns the bound with which an answer is read: limit, or the larger one
// that an answer of the call was read with before.
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

// lost notes that a request ended without an answer.
func (c *Call) lost(err error) {
	if c == nil {
		return
	}
	c.answered.Store(false)
	if !errs.MaybeApplied(err) {
		c.settle()
	}
}

// heard notes that a request has an answer.
func (c *Call) heard() {
	if c != nil {
		c.answered.Store(true)
	}
}

// settle notes that the server has not carried out one of the requests.
func (c *Call) settle() {
	if c != nil {
		c.unsettled.Add(-1)
	}
}
