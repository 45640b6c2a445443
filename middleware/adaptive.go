package middleware

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go/adaptivelimiter"

	"github.com/prefactordev/prefactor-go/transport"
)

// NewAdaptiveLimiter returns an adaptive limiter for [Adaptive] with
// failsafe-go's defaults: it lets 20 requests through at a time at first, and 1
// to 200 as their durations tell.
func NewAdaptiveLimiter() adaptivelimiter.AdaptiveLimiter[any] {
	return adaptivelimiter.NewWithDefaults[any]()
}

// AdaptiveLimiter is what [Adaptive] needs of a limiter that finds out by itself
// how many requests the server takes at a time: an
// [adaptivelimiter.AdaptiveLimiter] of any result type, or its PriorityLimiter.
//
// AcquirePermitWithMaxWait returns a permit, waiting for it up to wait, or why
// there is none; it honours ctx. It must be safe for concurrent use.
type AdaptiveLimiter[P AdaptivePermit] interface {
	AcquirePermitWithMaxWait(ctx context.Context, wait time.Duration) (P, error)
}

// AdaptivePermit is a permit of an [AdaptiveLimiter], which gets it back by one
// of the two methods: by Record with the time that it was held as a measure of
// the server, by Drop without.
type AdaptivePermit interface {
	Record()
	Drop()
}

// Adaptive returns the layer "adaptive", which holds a permit of the adaptive
// limiter policy for each request in progress, and waits for it up to wait; 0
// refuses at once. The policy is yours, and may be shared with other code;
// [NewAdaptiveLimiter] makes one. The policy's own WithMaxWaitTime and OnLimitExceeded are for failsafe's
// executors and don't act here.
//
// Only a success is a measure of the server, from the permit to the end of its
// answer: a 503 that comes in a millisecond must not raise the limit. The permit
// of any other request is dropped, also that of a canceled one, of one that
// panics, and of a body that streams, for how long its reader takes says nothing
// of the server; that permit is held until the body is closed.
//
// A refusal is an [errs.RejectedError] around the limiter's error, such as
// [adaptivelimiter.ErrExceeded]; retry doesn't repeat it. When the context ends in
// the wait, the error is an [errs.CanceledError].
//
// Position: anywhere. Inside retry, the usual place (PerAttempt), it measures
// and bounds attempts. Outside retry it measures calls with their waits, which
// say less of the server.
//
// A success that doesn't wait costs no allocation more than without the layer,
// beside the limiter's own.
func Adaptive[P AdaptivePermit](policy AdaptiveLimiter[P], wait time.Duration) transport.Layer {
	if policy == nil {
		return noPolicy("adaptive", transport.Anywhere, "give an adaptive limiter, such as NewAdaptiveLimiter()")
	}
	if wait < 0 {
		return negativeWait("adaptive")
	}
	a := &adaptive[P]{policy: policy, wait: wait}
	return transport.NewLayerFunc("adaptive", transport.Anywhere, a.send).
		Describe(waiting(wait) + "; measures attempts inside retry, calls outside")
}

type adaptive[P AdaptivePermit] struct {
	policy AdaptiveLimiter[P]
	wait   time.Duration
}

func (a *adaptive[P]) send(req *http.Request, next transport.Next) (*http.Response, error) {
	ctx := req.Context()
	permit, err := a.enter(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return endWait(req)
		}
		return refuse(req, "adaptive", fmt.Errorf("%w: no permit came within %s; send less at a time, or allow a longer wait", err, a.wait))
	}
	streams, success := false, false
	defer func() { // in a panic too
		switch {
		case streams:
		case success:
			permit.Record()
		default:
			permit.Drop()
		}
	}()
	resp, err := next(req)
	success = transport.Outcome(req, resp, err) == nil
	if err == nil && !inMemory(resp) {
		streams = true
		resp.Body = onClose(resp.Body, permit.Drop)
	}
	return resp, err
}

// enter takes a permit, and tells of the wait for it if there is one.
func (a *adaptive[P]) enter(ctx context.Context) (P, error) {
	permit, err := a.policy.AcquirePermitWithMaxWait(ctx, 0)
	if err == nil || a.wait == 0 || ctx.Err() != nil {
		return permit, err
	}
	transport.CallFrom(ctx).Notify(transport.Event{Kind: transport.WaitBegan, Layer: "adaptive", Duration: a.wait})
	return a.policy.AcquirePermitWithMaxWait(ctx, a.wait)
}
