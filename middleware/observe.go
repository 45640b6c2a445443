package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// Observer receives the events of calls: enough for metrics and traces.
// [transport.CallFrom] returns the call from the context.
//
// Its methods are called within the call, with no lock held, so they must be
// quick. They must be safe for concurrent use. A panic in them is not
// recovered.
type Observer interface {
	// Begin is called when a call begins. It returns the context for the
	// rest of the call: ctx, or one derived from it, such as with the span
	// of a trace.
	Begin(ctx context.Context) context.Context

	// Observe is called for each event of the call, with the context that
	// Begin returned. The last event is CallEnded, except that the attempt
	// of a hedge that lost may end later.
	Observe(ctx context.Context, e transport.Event)
}

// ObserverFunc is an [Observer] without a Begin method of its own: each event
// has its duration.
type ObserverFunc func(ctx context.Context, e transport.Event)

// Begin returns ctx.
func (ObserverFunc) Begin(ctx context.Context) context.Context { return ctx }

// Observe calls f. If f is nil, which the function Observe refuses, it does
// nothing.
func (f ObserverFunc) Observe(ctx context.Context, e transport.Event) {
	if f != nil {
		f(ctx, e)
	}
}

// Observe returns a layer of the given name that reports each call to o:
// attempts, waits, refusals by layers, token refreshes, and the end. A refusal
// by a layer outside it is not reported, so put it outside the layers that
// refuse. For a request that is not an API call, only the end is reported.
//
// It counts the sends of a call by [net/http/httptrace]. That and the layer
// together add 8 allocations to a call.
//
// Position: once a call.
func Observe(name string, o Observer) transport.Layer {
	if f, ok := o.(ObserverFunc); o == nil || ok && f == nil {
		return transport.RefusedLayer(name, transport.PerCall,
			&errs.ClientError{Field: "observer", Problem: fmt.Sprintf("is nil: give the layer %q an Observer", name)})
	}
	return transport.NewLayerFunc(name, transport.PerCall, func(req *http.Request, next transport.Next) (*http.Response, error) {
		began := time.Now()
		ctx := o.Begin(req.Context())
		if ctx == nil {
			return unsent(req, &errs.ClientError{Field: "observer", Problem: fmt.Sprintf("of the layer %q returned a nil context from Begin: return the one that it gets, or one derived from it", name)})
		}
		w := watchCall(ctx, o)
		if ctx != req.Context() {
			req = req.WithContext(ctx)
		}
		resp, err := next(req)
		w.report(callEnded(req, resp, err, time.Since(began)))
		return resp, err
	})
}

// watch is the observation of one call.
type watch struct {
	observer Observer
	ctx      context.Context
	refusal  atomic.Pointer[errs.RejectedError] // the last that was reported
}

// watchCall reports the events of ctx's call to o.
func watchCall(ctx context.Context, o Observer) *watch {
	w := &watch{observer: o, ctx: ctx}
	transport.CallFrom(ctx).Listen(w.report)
	return w
}

// report passes an event on. A refusal is reported as an event of its own,
// besides the attempt or the call that it ended.
func (w *watch) report(e transport.Event) {
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
