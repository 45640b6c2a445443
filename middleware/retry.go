package middleware

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// jitter is the random part of a wait.
const jitter = 0.25

// Retry returns the layer "retry", which sends a failed request again after a
// wait. Failed means that the response has one of the policy's statuses, or did
// not arrive in full, as [errs.Retryable] reports. A response that is too large is
// not fetched again.
//
// A request is sent again only if that is safe and possible. It is safe if one
// of these holds:
//
//   - the method is safe, such as GET;
//   - the request has an idempotency key, or its operation is replayable;
//   - the server can't have acted on it: nothing was written to a connection,
//     or the response was a 429.
//
// It is possible if the request has no body, or has GetBody.
//
// The wait grows exponentially, with a jitter of 25 % either way. A Retry-After
// replaces it: the layer never waits less than that, because there the jitter
// only adds. The layer gives up instead of waiting if the wait would outlast
// the context's deadline, if the Retry-After is above MaxRetryDelay, or if a
// [RetryBudget] has no permit.
//
// When it gives up, the layer returns the last response, readable and marked by
// [transport.Conclude], or, if the last attempt had no response, an
// [errs.RetryExhaustedError]. To a plain http.Client the marked response is an
// ordinary one. When the caller's context ends, the error is an
// [errs.CanceledError] with the last failure inside.
//
// Position: anywhere; it retries.
func Retry(policy RetryPolicy, options ...RetryOption) transport.Layer {
	r := &retry{policy: policy}
	err := policy.Validate()
	for i, set := range options {
		if set == nil {
			err = errors.Join(err, nilOption("retry", i))
			continue
		}
		err = errors.Join(err, set(r))
	}
	if err != nil {
		return transport.RefusedLayer("retry", transport.Retries, err)
	}
	r.policy.RetryOnStatusCodes = slices.Clone(policy.RetryOnStatusCodes)
	// failsafe counts the attempts and waits, either the least time of the
	// backoff or as long as the server asks. The layer adds what HTTP
	// needs: which outcome is worth another attempt, Retry-After, the
	// deadline, the budget, and a jitter that doesn't undercut a
	// Retry-After.
	first, longest, factor := backoff(policy)
	r.engine = failsafe.With(retrypolicy.NewBuilder[*attempt]().
		HandleIf(func(a *attempt, _ error) bool { return a.again }).
		WithMaxRetries(policy.MaxRetries).
		WithBackoffFactor(first, longest, factor).
		WithDelayFunc(func(e failsafe.ExecutionAttempt[*attempt]) time.Duration { return e.LastResult().delay() }).
		OnRetryScheduled(func(e failsafe.ExecutionScheduledEvent[*attempt]) { e.LastResult().schedule(e.Delay) }).
		ReturnLastFailure().
		Build())
	return transport.NewLayerFunc("retry", transport.Retries, r.send).Describe(r.describe())
}

// backoff returns the shortest first wait of a policy, its longest wait and its
// growth, limited so that nothing overflows.
func backoff(policy RetryPolicy) (first, longest time.Duration, factor float64) {
	const year = 365 * 24 * time.Hour
	longest = min(policy.MaxRetryDelay, year)
	first = max(1, time.Duration((1-jitter)*float64(min(policy.InitialRetryDelay, longest))))
	return first, longest, min(policy.RetryMultiplier, math.MaxInt64/float64(2*longest))
}

type retry struct {
	policy RetryPolicy
	engine failsafe.Executor[*attempt]
	budget countedBudget // nil for none
}

// describe returns the layer's description in a printed stack.
func (r *retry) describe() string {
	text := fmt.Sprintf("%d retries, %s to %s", r.policy.MaxRetries, r.policy.InitialRetryDelay, r.policy.MaxRetryDelay)
	if r.budget != nil {
		text += ", budgeted"
	}
	return text
}

// send makes attempts until one is final.
func (r *retry) send(req *http.Request, next transport.Next) (*http.Response, error) {
	run := &retryRun{retry: r, req: req, next: next, call: transport.CallFrom(req.Context()), spending: spend(req.Context(), r.budget)}
	defer run.spending.end()
	last := run.attempt(1)
	if !last.again {
		return last.resp, last.err
	}
	// The engine gets the first attempt as its first result: a call that
	// succeeds at once doesn't pay for the engine.
	ctx, stop := context.WithCancel(req.Context())
	defer stop()
	run.stop = stop
	_, _ = r.engine.WithContext(ctx).GetWithExecution(func(e failsafe.Execution[*attempt]) (*attempt, error) {
		if e.Attempts() > 1 && sleep(ctx, last.wait-last.slept) {
			last = run.attempt(e.Attempts())
		}
		return last, nil
	})
	switch {
	case !last.again: // it succeeded, or is final
	case run.prepared != nil: // canceled in the wait
		return unsent(run.prepared, errs.NewCanceledError(req.Context(), last.failure))
	case req.Context().Err() != nil: // canceled before a wait began
		discard(last.resp)
		last.end("the caller canceled")
		return nil, errs.NewCanceledError(req.Context(), last.failure)
	default:
		last.giveUp(errs.ReasonAttempts)
	}
	return last.resp, last.err
}

// retryRun is the attempts of one request.
type retryRun struct {
	*retry
	req      *http.Request // the original; each attempt sends a clone
	next     transport.Next
	call     *transport.Call
	spending *spending
	stop     context.CancelFunc // ends the engine
	attempts []errs.Attempt
	prepared *http.Request // for the next attempt
}

// attempt is the result of one attempt: the response or error for the layers
// outside, the failure in it, and whether and when another attempt follows.
type attempt struct {
	run     *retryRun
	record  errs.Attempt
	resp    *http.Response
	err     error
	failure error

	again bool
	asked time.Duration // how long the server asks to wait
	wait  time.Duration // before the next attempt
	slept time.Duration // the part of it that the engine waits
}

// attempt makes one attempt and decides whether another follows.
func (r *retryRun) attempt(number int) *attempt {
	req := r.prepared
	if req == nil { // the first attempt has the request's own body
		req = r.req.Clone(r.req.Context())
	}
	began := time.Now()
	resp, err := r.next(req)
	a := &attempt{run: r, resp: resp, err: err, record: errs.Attempt{Number: number, Duration: time.Since(began)}}
	r.prepared = nil
	r.spending.attempted()
	a.failure = transport.Outcome(r.req, resp, err)
	a.record.Err = a.failure
	if resp != nil {
		a.record.Status = resp.StatusCode
	}
	if a.failure == nil {
		a.end("")
		return a
	}
	switch reason := a.final(); {
	case r.req.Context().Err() != nil && errs.KindOf(a.failure) == errs.KindCanceled:
		discard(resp)
		a.end("the caller canceled")
		a.resp, a.err = nil, errs.NewCanceledError(r.req.Context(), earlier(r.attempts))
	case reason != "":
		a.end(reason)
	default:
		a.again = true
		a.asked = askedWait(r.req, a.failure)
	}
	return a
}

// final returns why no attempt may follow a failed one; "" if one may.
func (a *attempt) final() string {
	if !a.worthRepeating() {
		return "final"
	}
	if bar := repetitionBar(a.run.req, a.resp, a.failure); bar != "" {
		return bar
	}
	if a.run.policy.MaxRetries == 0 {
		return "final"
	}
	return ""
}

// worthRepeating reports whether another attempt may succeed.
func (a *attempt) worthRepeating() bool {
	if errors.Is(a.failure, errs.ErrTooLarge) {
		return false
	}
	if a.resp != nil && slices.Contains(a.run.policy.RetryOnStatusCodes, a.resp.StatusCode) {
		return true
	}
	if a.resp != nil && errs.KindOf(a.failure) != errs.KindNetwork {
		return false
	}
	return errs.Retryable(a.failure)
}

// delay returns how long the engine waits: -1 for the backoff.
func (a *attempt) delay() time.Duration {
	if a.asked > 0 {
		return a.asked
	}
	return -1
}

// schedule decides on the wait before the next attempt. delay is how long the
// engine is about to wait.
func (a *attempt) schedule(delay time.Duration) {
	r := a.run
	spread := 2 * jitter / (1 - jitter) * float64(delay) // up to a quarter above the backoff
	if a.asked > 0 {
		spread = jitter * float64(delay)
	}
	room := max(0, r.policy.MaxRetryDelay-delay)
	a.wait, a.slept = delay+time.Duration(min(rand.Float64()*spread, float64(room))), delay
	deadline, limited := r.req.Context().Deadline()
	switch {
	case a.asked > r.policy.MaxRetryDelay:
		a.giveUp(errs.ReasonRetryAfter)
	case limited && time.Until(deadline) <= a.wait:
		a.giveUp(errs.ReasonDeadline)
	case !r.spending.retry():
		a.giveUp(errs.ReasonBudget)
	default:
		a.prepareNext()
	}
	if !a.again {
		r.stop()
	}
}

// prepareNext builds the request of the next attempt.
func (a *attempt) prepareNext() {
	req := a.run.req.Clone(a.run.req.Context())
	if err := rewind(req); err != nil {
		a.end("not repeated: " + err.Error())
		return
	}
	a.run.prepared = req
	discard(a.resp)
	a.record.Wait = a.wait
	a.end("retried")
	a.again = true
	a.run.call.Notify(transport.Event{Kind: transport.WaitBegan, Layer: "retry", Duration: a.wait})
}

// giveUp ends the run with this attempt, although another could follow.
func (a *attempt) giveUp(reason errs.Reason) {
	a.end(string(reason))
	a.resp, a.err = conclude(a.resp, &errs.RetryExhaustedError{Reason: reason, Attempts: a.run.attempts, Last: a.failure})
}

// end records the attempt, with the decision about it. It is the last one
// unless again is set afterwards.
func (a *attempt) end(reason string) {
	a.again = false
	a.record.Reason = reason
	a.run.attempts = append(a.run.attempts, a.run.call.Record(a.record))
}

// earlier returns the failure of the attempt before the last.
func earlier(attempts []errs.Attempt) error {
	if len(attempts) < 2 {
		return nil
	}
	return attempts[len(attempts)-2].Err
}

// repetitionBar returns why a request must not or can't be sent again, after an
// attempt that ended with resp or, without one, with failure; "" if it can.
func repetitionBar(req *http.Request, resp *http.Response, failure error) string {
	switch {
	case !safeToRepeat(req, resp, failure):
		return "not repeated: the server may have acted on it, and it has no idempotency key"
	case !rewindable(req):
		return "not repeated: its body can't be sent again without GetBody"
	}
	return ""
}

// safeToRepeat reports whether another attempt can't do harm.
func safeToRepeat(req *http.Request, resp *http.Response, failure error) bool {
	call := transport.CallFrom(req.Context())
	switch {
	case transport.CanRepeat(req):
		return true
	case resp == nil:
		return !call.MaybeApplied(failure)
	}
	return resp.StatusCode == http.StatusTooManyRequests && !call.MaybeApplied(nil)
}

// conclude returns what a retry layer that gives up returns: its last response,
// marked, or, if the last attempt had none, the error.
func conclude(last *http.Response, exhausted *errs.RetryExhaustedError) (*http.Response, error) {
	if last == nil {
		return nil, exhausted
	}
	transport.Conclude(last, exhausted.Reason)
	return last, nil
}

// rewindable reports whether a request's body, if it has one, can be sent
// again.
func rewindable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// rewind gives a clone of a rewindable request a new body.
func rewind(req *http.Request) error {
	if req.GetBody == nil {
		return nil
	}
	body, err := req.GetBody()
	if err != nil {
		return &errs.ClientError{Field: "GetBody", Problem: "failed: " + errs.Words(err.Error())}
	}
	req.Body = body
	return nil
}

// discard closes a response that is not returned. The response to a call has
// been read by then, so its connection is free; the rest of a stream isn't
// read.
func discard(resp *http.Response) {
	if resp != nil {
		_ = resp.Body.Close()
	}
}
