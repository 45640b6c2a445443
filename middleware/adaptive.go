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
// failsafe-go's defaults: it starts with 20 requests at a time, and adjusts to
// between 1 and 200 by how long they take.
func NewAdaptiveLimiter() adaptivelimiter.AdaptiveLimiter[any] {
	return adaptivelimiter.NewWithDefaults[any]()
}

// AdaptiveLimiter is the part of a limiter that [Adaptive] needs: an
// [adaptivelimiter.AdaptiveLimiter] of any result type, or its PriorityLimiter.
// The limiter finds out by itself how many requests the server takes at a time.
//
// AcquirePermitWithMaxWait waits up to wait for a permit, and returns an error
// if none comes. It must honour ctx and be safe for concurrent use.
type AdaptiveLimiter[P AdaptivePermit] interface {
	AcquirePermitWithMaxWait(ctx context.Context, wait time.Duration) (P, error)
}

// AdaptivePermit is a permit of an [AdaptiveLimiter]. Either method gives it
// back: Record with the time that it was held as a sample of the server's
// speed, Drop without.
type AdaptivePermit interface {
	Record()
	Drop()
}

// Adaptive returns the layer "adaptive", which holds a permit of the adaptive
// limiter policy for each request in progress. It waits up to wait for the
// permit; with 0 it refuses at once. You own the policy, and may share it with
// other code; [NewAdaptiveLimiter] makes one. The policy's own WithMaxWaitTime
// and OnLimitExceeded apply to failsafe's executors only.
//
// Only a success is a sample of the server's speed, from the permit to the end
// of the response: a 503 that comes in a millisecond must not raise the limit.
// The permit is dropped for every other request, also if it is canceled or
// panics. It is dropped for a body that streams as well, because the speed of
// its reader says nothing about the server; that permit is held until the body
// is closed.
//
// A refusal is an [errs.RejectedError] around the limiter's error, such as
// [adaptivelimiter.ErrExceeded]; retry doesn't repeat it. If the context ends
// during the wait, the error is an [errs.CanceledError].
//
// Position: anywhere. The usual place is inside retry (PerAttempt), where it
// measures and limits attempts. Outside retry it measures calls including their
// waits, which say less about the server.
//
// A success that doesn't wait costs no allocation beyond the limiter's own.
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
		return refuse(req, "adaptive", fmt.Errorf("%w: no permit came within %s; send fewer requests at a time, or allow a longer wait", err, a.wait))
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

// enter takes a permit, and reports the wait for it, if there is one.
func (a *adaptive[P]) enter(ctx context.Context) (P, error) {
	permit, err := a.policy.AcquirePermitWithMaxWait(ctx, 0)
	if err == nil || a.wait == 0 || ctx.Err() != nil {
		return permit, err
	}
	transport.CallFrom(ctx).Notify(transport.Event{Kind: transport.WaitBegan, Layer: "adaptive", Duration: a.wait})
	return a.policy.AcquirePermitWithMaxWait(ctx, a.wait)
}
