package middleware

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// Observer is told what happens in calls: enough for metrics and traces. Which
// call it is, [transport.CallFrom] tells of the context.
//
// Its methods are called on the way of the request, with no lock held, and so
// must be quick; they must be safe for concurrent use. A panic of theirs is not
// recovered.
type Observer interface {
	// Begin is called when a call begins. It returns the context with which the
	// call goes on: ctx, or one made of it, such as with a trace's span.
	Begin(ctx context.Context) context.Context

	// Observe is called for each event of the call, with the context of Begin.
	// The last is a CallEnded; a hedge that lost may tell of its attempt later.
	Observe(ctx context.Context, e transport.Event)
}

// ObserverFunc is an [Observer] that isn't interested in beginnings: each event
// tells how long it took.
type ObserverFunc func(ctx context.Context, e transport.Event)

// Begin returns ctx.
func (ObserverFunc) Begin(ctx context.Context) context.Context { return ctx }

// Observe calls f.
func (f ObserverFunc) Observe(ctx context.Context, e transport.Event) { f(ctx, e) }

// Observe returns a layer of the given name that tells o of each call: attempts,
// waits, refusals of layers, token refreshes, and the end. What stands outside
// of it isn't told: put it outside of the layers that refuse. Of a request that
// is no API call, the end alone is told.
//
// A call that is watched has its sends counted by [net/http/httptrace]. That and
// the layer together add 8 allocations to a call; without
// the layer there are none.
//
// Position: once a call.
func Observe(name string, o Observer) transport.Layer {
	if o == nil {
		return transport.RefusedLayer(name, transport.PerCall,
			&errs.ClientError{Field: "observer", Problem: "is nil: give the layer " + name + " an Observer"})
	}
	return transport.NewLayerFunc(name, transport.PerCall, func(req *http.Request, next transport.Next) (*http.Response, error) {
		began := time.Now()
		ctx := o.Begin(req.Context())
		w := watchCall(ctx, o)
		if ctx != req.Context() {
			req = req.WithContext(ctx)
		}
		resp, err := next(req)
		w.tell(callEnded(req, resp, err, time.Since(began)))
		return resp, err
	})
}

// watch is the observation of one call.
type watch struct {
	observer Observer
	ctx      context.Context
	refusal  atomic.Pointer[errs.RejectedError] // the last that was told
}

// watchCall has o told of the events of ctx's call.
func watchCall(ctx context.Context, o Observer) *watch {
	w := &watch{observer: o, ctx: ctx}
	transport.CallFrom(ctx).Listen(w.tell)
	return w
}

// tell passes an event on. A refusal is an event of its own beside the attempt
// or the call that it ended.
func (w *watch) tell(e transport.Event) {
	if refusal, ok := errors.AsType[*errs.RejectedError](e.Err); ok && w.refusal.Swap(refusal) != refusal {
		w.observer.Observe(w.ctx, transport.Event{Kind: transport.Refused, Layer: refusal.Layer, Err: refusal})
	}
	w.observer.Observe(w.ctx, e)
}

// callEnded returns the last event of req's call.
func callEnded(req *http.Request, resp *http.Response, err error, duration time.Duration) transport.Event {
	e := transport.Event{Kind: transport.CallEnded, Duration: duration, Err: transport.Outcome(req, resp, err)}
	if resp != nil {
		e.Status = resp.StatusCode
	}
	return e
}
