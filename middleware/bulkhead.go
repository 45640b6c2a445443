package middleware

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go/bulkhead"

	"github.com/prefactordev/prefactor-go/transport"
)

// NewBulkhead returns a bulkhead for [Bulkhead] through which up to limit
// requests go at a time; with 0 none does.
func NewBulkhead(limit uint) bulkhead.Bulkhead[any] { return bulkhead.New[any](limit) }

// Bulkhead returns the layer "bulkhead", which holds a permit of the bulkhead
// policy for each request in progress, and waits for it up to wait; 0 refuses at
// once. The policy is yours, of any result type, and may be shared with other
// code, which draws on the same permits; [NewBulkhead] makes one. Its own
// WithMaxWaitTime and listeners are for failsafe's executors and don't act here.
//
// The permit is held as long as the request has a connection: until its answer
// has been read into memory, or else until its body is closed. An error or a
// panic frees it too.
//
// A refusal is an [errs.RejectedError] that matches [bulkhead.ErrFull]; retry
// doesn't repeat it. When the context ends in the wait, the error is an
// [errs.CanceledError].
//
// Position: anywhere. Inside retry, the usual place (PerAttempt), an attempt
// holds a permit, and none is held in the waits between. Outside retry a call
// holds one, waits included: in an outage the permits go to calls that wait.
//
// A success that doesn't wait costs no allocation more than without the layer
// where the answer is in memory, as it is outside envelope; 2 where the body
// still streams.
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
		return refuse(req, "bulkhead", fmt.Errorf("%w: no permit came within %s; send less at a time, or allow a longer wait", err, b.wait))
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

// enter takes a permit, and tells of the wait for it if there is one.
func (b *bulkheadLayer[R]) enter(ctx context.Context) error {
	if b.policy.TryAcquirePermit() {
		return nil
	}
	if b.wait > 0 {
		transport.CallFrom(ctx).Notify(transport.Event{Kind: transport.WaitBegan, Layer: "bulkhead", Duration: b.wait})
	}
	return b.policy.AcquirePermitWithMaxWait(ctx, b.wait)
}
