package middleware

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go/bulkhead"

	"github.com/prefactordev/prefactor-go/transport"
)

// NewBulkhead returns a bulkhead for [Bulkhead] that lets limit requests
// through at a time; with 0 it lets none through.
func NewBulkhead(limit uint) bulkhead.Bulkhead[any] { return bulkhead.New[any](limit) }

// Bulkhead returns the layer "bulkhead", which holds a permit of the bulkhead
// policy for each request in progress. It waits up to wait for the permit; with
// 0 it refuses at once. You own the policy, which may have any result type.
// Other code that shares it takes from the same permits. [NewBulkhead] makes
// one. The policy's own WithMaxWaitTime and listeners apply to failsafe's
// executors only.
//
// The permit is held as long as the request uses a connection: until its
// response has been read into memory, or otherwise until its body is closed. An
// error or a panic frees it too.
//
// A refusal is an [errs.RejectedError] that matches [bulkhead.ErrFull]; retry
// doesn't repeat it. If the context ends during the wait, the error is an
// [errs.CanceledError].
//
// Position: anywhere. The usual place is inside retry (PerAttempt), where each
// attempt holds a permit, and the waits between attempts hold none. Outside
// retry each call holds one, also during its waits: in an outage, calls that
// wait then hold the permits.
//
// A success that doesn't wait costs no allocation if the response is in memory,
// as it is outside envelope, and 2 if the body still streams.
func Bulkhead[R any](policy bulkhead.Bulkhead[R], wait time.Duration) transport.Layer {
	if policy == nil {
		return noPolicy("bulkhead", transport.Anywhere, "give a bulkhead.Bulkhead, such as NewBulkhead(20)")
	}
	if wait < 0 {
		return negativeWait("bulkhead")
	}
	b := &bulkheadLayer[R]{policy: policy, wait: wait}
	return transport.NewLayerFunc("bulkhead", transport.Anywhere, b.send).
		Describe(waiting(wait) + "; bounds attempts inside retry, calls outside")
}

type bulkheadLayer[R any] struct {
	policy bulkhead.Bulkhead[R]
	wait   time.Duration
}

func (b *bulkheadLayer[R]) send(req *http.Request, next transport.Next) (*http.Response, error) {
	ctx := req.Context()
	if err := b.enter(ctx); err != nil {
		if ctx.Err() != nil {
			return endWait(req)
		}
		return refuse(req, "bulkhead", fmt.Errorf("%w: no permit came within %s; send fewer requests at a time, or allow a longer wait", err, b.wait))
	}
	streams := false
	defer func() { // in a panic too
		if !streams {
			b.policy.ReleasePermit()
		}
	}()
	resp, err := next(req)
	if err == nil && !inMemory(resp) {
		streams = true
		resp.Body = onClose(resp.Body, b.policy.ReleasePermit)
	}
	return resp, err
}

// enter takes a permit, and reports the wait for it, if there is one.
func (b *bulkheadLayer[R]) enter(ctx context.Context) error {
	if b.policy.TryAcquirePermit() {
		return nil
	}
	if b.wait > 0 {
		transport.CallFrom(ctx).Notify(transport.Event{Kind: transport.WaitBegan, Layer: "bulkhead", Duration: b.wait})
	}
	return b.policy.AcquirePermitWithMaxWait(ctx, b.wait)
}
