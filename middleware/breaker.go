package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// NewBreaker returns a circuit breaker for [Breaker]. It opens when, of 20 or
// more outcomes in the last 30 seconds, half are failures. It stays open for 10
// seconds, with a jitter of 25 % either way so that a fleet doesn't come back at
// once; then it lets three trials through, closes when all of them succeed, and
// opens again with the first that fails.
func NewBreaker() circuitbreaker.CircuitBreaker[any] {
	return circuitbreaker.NewBuilder[any]().
		WithFailureRateThreshold(0.5, 20, 30*time.Second).
		WithDelay(10 * time.Second).
		WithJitterFactor(0.25).
		WithSuccessThreshold(3).
		Build()
}

// Breaker returns the layer "breaker", which sends nothing while the circuit
// breaker policy is open. The policy is yours, of any result type, and may be
// shared with other code, which sees the same state; [NewBreaker] makes one.
//
// The layer, not the policy's handle conditions, judges what came of a request,
// by the whole answer:
//
//   - Failures are: no whole answer, a body that breaks off included; an answer
//     that isn't the API's, such as a broken envelope or an HTML page; any 5xx.
//   - A success is any other answer. A 4xx, 429 included, comes from a server
//     that works.
//   - Nothing is counted where nothing is known of the server: the caller, or a
//     hedge, canceled; a layer inside refused; the token couldn't be had; a layer
//     inside panicked. The caller's deadline counts as little, so it is the
//     timeout layer that tells the breaker of a server that hangs.
//
// A trial of a half-open breaker that ends without being counted leaves its
// place to the next request through the same Layer value; stacks that share a
// breaker do best to share that value, too. A body that streams, of a request that is
// no API call, is judged by its header.
//
// A refusal is an [errs.RejectedError] that matches [circuitbreaker.ErrOpen] and
// says when the server is tried again; retry doesn't repeat it. Of the policy's
// listeners those of state changes are called, OnSuccess and OnFailure are not;
// nor is its DelayFunc.
//
// Position: anywhere. Inside retry, the usual place (PerAttempt), it counts
// attempts: it opens in the middle of a call, whose next attempt it refuses.
// Outside retry it counts calls: one that succeeds by its third attempt is a
// success, and an outage is seen only when the first calls have given up.
//
// A success costs no allocation more than without the layer.
func Breaker[R any](policy circuitbreaker.CircuitBreaker[R]) transport.Layer {
	if policy == nil {
		return noPolicy("breaker", transport.Anywhere, "give a circuitbreaker.CircuitBreaker, such as NewBreaker()")
	}
	b := &breaker[R]{policy: policy}
	return transport.NewLayerFunc("breaker", transport.Anywhere, b.send).Describe("counts attempts inside retry, calls outside")
}

type breaker[R any] struct {
	policy circuitbreaker.CircuitBreaker[R]

	// owed counts the trials that ended without being counted. The policy has no
	// way to give a permit back, and would stay half-open for good.
	owed atomic.Int32
}

func (b *breaker[R]) send(req *http.Request, next transport.Next) (*http.Response, error) {
	trial, ok := b.enter()
	if !ok {
		return refuse(req, "breaker", b.refusal())
	}
	counted := false
	defer func() { // in a panic too
		if trial && !counted {
			b.owed.Add(1)
		}
	}()
	resp, err := next(req)
	switch health(transport.Outcome(req, resp, err)) {
	case sick:
		counted = true
		b.policy.RecordFailure()
	case healthy:
		counted = true
		b.policy.RecordSuccess()
	}
	return resp, err
}

// enter asks for a permit. Trial tells that it is one of a half-open breaker.
func (b *breaker[R]) enter() (trial, ok bool) {
	ok = b.policy.TryAcquirePermit()
	if !b.policy.IsHalfOpen() {
		b.owed.Store(0) // a half-open state that comes has all of its permits
		return false, ok
	}
	return true, ok || b.takeOwed()
}

func (b *breaker[R]) takeOwed() bool {
	for {
		owed := b.owed.Load()
		if owed == 0 {
			return false
		}
		if b.owed.CompareAndSwap(owed, owed-1) {
			return true
		}
	}
}

func (b *breaker[R]) refusal() error {
	if delay := b.policy.RemainingDelay(); delay > 0 {
		return fmt.Errorf("%w: the server failed too often; it is tried again in %s", circuitbreaker.ErrOpen, delay.Round(time.Millisecond))
	}
	return fmt.Errorf("%w: the server failed too often; trials of it are under way", circuitbreaker.ErrOpen)
}

// condition is what the outcome of a request says about the server.
type condition int

const (
	unknown condition = iota
	healthy
	sick
)

func health(outcome error) condition {
	switch errs.KindOf(outcome) {
	case errs.KindOK, errs.KindNotFound, errs.KindValidation, errs.KindConflict, errs.KindRateLimited:
		return healthy
	case errs.KindNetwork, errs.KindContract:
		return sick
	case errs.KindServer:
		if api, ok := errors.AsType[*errs.APIError](outcome); ok && api.Status >= 500 {
			return sick
		}
		return healthy
	case errs.KindAuth:
		if auth, ok := errors.AsType[*errs.AuthError](outcome); ok && auth.Cause == nil {
			return healthy
		}
	}
	return unknown
}
