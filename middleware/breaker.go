package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// NewBreaker returns a circuit breaker for [Breaker]. It opens when half of the
// outcomes in the last 30 seconds are failures, of 20 or more. It stays open
// for 10 seconds, with a jitter of 25 % either way so that the clients of a
// fleet don't come back all at once. Then it lets three trials through: it
// closes when all of them succeed, and opens again when one fails.
func NewBreaker() circuitbreaker.CircuitBreaker[any] {
	return circuitbreaker.NewBuilder[any]().
		WithFailureRateThreshold(0.5, 20, 30*time.Second).
		WithDelay(10 * time.Second).
		WithJitterFactor(0.25).
		WithSuccessThreshold(3).
		Build()
}

// Breaker returns the layer "breaker", which sends nothing while the circuit
// breaker policy is open. You own the policy, which may have any result type.
// Other code that shares it sees the same state. [NewBreaker] makes one.
//
// The layer, and not the policy's handle conditions, decides what counts, by
// the outcome of the request:
//
//   - Failures: no complete response; a response that isn't the API's, such as
//     a redirect, a broken envelope or an HTML page; any 5xx.
//   - Successes: any other response. A 4xx, even a 429, shows that the server
//     works.
//   - Not counted, because nothing is known about the server: a cancellation by
//     the caller or by a hedge, the caller's deadline, a refusal or a panic of
//     a layer inside, and a token that couldn't be fetched. For a server that
//     hangs, the timeout layer causes the failures that count.
//
// If a trial of a half-open breaker ends without being counted, the next
// request takes its permit, through this layer or any other that was made with
// the same policy. Code that uses the policy without a layer can't take it. A
// body that streams, of a request that is not an API call, counts by its
// header.
//
// A refusal is an [errs.RejectedError] that matches [circuitbreaker.ErrOpen]
// and says when the server is tried again; retry doesn't repeat it. The
// policy's listeners for state changes are called; OnSuccess, OnFailure and its
// DelayFunc are not.
//
// Position: anywhere. The usual place is inside retry (PerAttempt), where it
// counts attempts: it can open during a call, and then refuses the call's next
// attempt. Outside retry it counts calls: a call that succeeds on its third
// attempt is a success, and an outage shows only when the first calls have
// given up.
//
// A success costs no allocation.
func Breaker[R any](policy circuitbreaker.CircuitBreaker[R]) transport.Layer {
	if policy == nil {
		return noPolicy("breaker", transport.Anywhere, "give a circuitbreaker.CircuitBreaker, such as NewBreaker()")
	}
	b := &breaker[R]{policy: policy, lost: lostTrialsOf(policy)}
	return transport.NewLayerFunc("breaker", transport.Anywhere, b.send).Describe("counts attempts inside retry, calls outside")
}

type breaker[R any] struct {
	policy circuitbreaker.CircuitBreaker[R]
	lost   *lostTrials
}

func (b *breaker[R]) send(req *http.Request, next transport.Next) (*http.Response, error) {
	trial, ok := b.enter()
	if !ok {
		return refuse(req, "breaker", b.refusal())
	}
	counted := false
	defer func() { // in a panic too
		if trial && !counted {
			b.lost.add()
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

// enter takes a permit. trial is set if it is one of a half-open breaker.
func (b *breaker[R]) enter() (trial, ok bool) {
	ok = b.policy.TryAcquirePermit()
	if !b.policy.IsHalfOpen() {
		b.lost.forget() // the next half-open state begins with all of its permits
		return false, ok
	}
	return true, ok || b.lost.take()
}

func (b *breaker[R]) refusal() error {
	if delay := b.policy.RemainingDelay(); delay > 0 {
		return fmt.Errorf("%w: the server failed too often; the next trial is in %s", circuitbreaker.ErrOpen, delay.Round(time.Millisecond))
	}
	return fmt.Errorf("%w: the server failed too often; trials are in progress", circuitbreaker.ErrOpen)
}

// condition is what an outcome shows about the server.
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
