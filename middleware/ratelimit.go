package middleware

import (
	"fmt"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go/ratelimiter"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// NewRateLimiter returns a rate limiter for [RateLimit] that spreads requests
// evenly, so that the limit holds in any second: at 50 per second, one request
// every 20 milliseconds. It panics unless perSecond is 1 to 1,000,000,000.
func NewRateLimiter(perSecond uint) ratelimiter.RateLimiter[any] {
	if perSecond < 1 || perSecond > uint(time.Second) {
		panic(&errs.ClientError{Field: "middleware.NewRateLimiter: perSecond", Problem: "must be 1 to 1000000000"})
	}
	return ratelimiter.NewSmooth[any](perSecond, time.Second)
}

// RateLimit returns the layer "ratelimit", which takes a permit of the rate
// limiter policy for each request. It waits up to wait for the permit; with 0
// it refuses at once. You own the policy, which may have any result type. Other
// code that shares it takes from the same permits. [NewRateLimiter] makes one.
// The policy's own WithMaxWaitTime and listeners apply to failsafe's executors
// only.
//
// A wait longer than that, or beyond the context's deadline, isn't begun: the
// error is an [errs.RejectedError] that matches [ratelimiter.ErrExceeded],
// which retry doesn't repeat. If the context ends during the wait, the error is
// an [errs.CanceledError], and the permit is used up.
//
// Position: anywhere. The usual place is inside retry (PerAttempt), where each
// attempt takes a permit: the limit holds for what the server sees, and the
// wait isn't part of the attempt's timeout. Outside retry each call takes one,
// and its retries come on top.
//
// A success that doesn't wait costs no allocation.
func RateLimit[R any](policy ratelimiter.RateLimiter[R], wait time.Duration) transport.Layer {
	if policy == nil {
		return noPolicy("ratelimit", transport.Anywhere, "give a ratelimiter.RateLimiter, such as NewRateLimiter(50)")
	}
	if wait < 0 {
		return negativeWait("ratelimit")
	}
	l := &rateLimit[R]{policy: policy, wait: wait}
	return transport.NewLayerFunc("ratelimit", transport.Anywhere, l.send).
		Describe(waiting(wait) + "; limits attempts inside retry, calls outside")
}

type rateLimit[R any] struct {
	policy ratelimiter.RateLimiter[R]
	wait   time.Duration
}

func (l *rateLimit[R]) send(req *http.Request, next transport.Next) (*http.Response, error) {
	ctx := req.Context()
	if ctx.Err() != nil {
		return endWait(req)
	}
	longest := l.wait
	if deadline, ok := ctx.Deadline(); ok {
		longest = min(longest, max(time.Until(deadline)-1, 0))
	}
	wait := l.policy.TryReservePermit(longest)
	if wait < 0 {
		return refuse(req, "ratelimit", fmt.Errorf("%w: no permit comes within %s; send fewer requests, or allow a longer wait",
			ratelimiter.ErrExceeded, longest.Round(time.Millisecond)))
	}
	if wait > 0 {
		transport.CallFrom(ctx).Notify(transport.Event{Kind: transport.WaitBegan, Layer: "ratelimit", Duration: wait})
	}
	if !sleep(ctx, wait) {
		return endWait(req)
	}
	return next(req)
}
