package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// Retry returns the layer "retry", which sends a failed request again after a
// wait. Failed means: one of policy's statuses, or no whole answer, as
// [errs.Retryable] tells.
//
// A request is sent again only where that is safe and possible: it has a safe
// method, an idempotency key or a [transport.Call] that is replayable, or the
// server can't have acted on it (no connection was made, or it said 429); and it
// has no body, or one that GetBody gives again.
//
// The wait grows exponentially with a jitter of 25 % either way. A Retry-After
// replaces it and is never undercut; its jitter only adds. A wait that would
// outlast the context's deadline is not begun, nor one for a Retry-After above
// MaxRetryDelay, nor one that a [RetryBudget] has no permit for.
//
// When it gives up, the layer returns the last response, readable, marked by
// [transport.Conclude]; or, if the last attempt had none, an
// [errs.RetryExhaustedError]. Under a plain http.Client the former is simply the
// last response. When the caller's context ends, it returns an
// [errs.CanceledError] with the last failure inside.
//
// Position: anywhere; it repeats.
func Retry(policy transport.RetryPolicy, options ...RetryOption) transport.Layer {
	r := retry{policy: policy}
	err := policy.Validate()
	for _, set := range options {
		err = errors.Join(err, set(&r))
	}
	if err != nil {
		return transport.RefusedLayer("retry", transport.Anywhere, err).Retrying()
	}
	r.policy.RetryOnStatusCodes = slices.Clone(policy.RetryOnStatusCodes)
	r.engine = failsafe.With(retrypolicy.NewBuilder[*outcome]().
		HandleIf(func(o *outcome, _ error) bool { return o.again }).
		WithDelayFunc(func(e failsafe.ExecutionAttempt[*outcome]) time.Duration { return e.LastResult().wait }).
		OnRetryScheduled(func(e failsafe.ExecutionScheduledEvent[*outcome]) { discard(e.LastResult().resp) }).
		WithMaxRetries(policy.MaxRetries).
		ReturnLastFailure().
		Build())
	return transport.NewLayer("retry", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper {
		on := r
		on.next = next
		return &on
	}).Retrying().Describe(r.describe())
}

type retry struct {
	next   http.RoundTripper
	policy transport.RetryPolicy
	engine failsafe.Executor[*outcome]
	budget countedBudget // nil for none
}

var _ http.RoundTripper = (*retry)(nil)

// describe is what a stack's picture shows of the layer.
func (r *retry) describe() string {
	text := fmt.Sprintf("%d retries, %s to %s", r.policy.MaxRetries, r.policy.InitialRetryDelay, r.policy.MaxRetryDelay)
	if r.budget != nil {
		text += ", budgeted"
	}
	return text
}

func (r *retry) Unwrap() http.RoundTripper { return r.next }

func (r *retry) CloseIdleConnections() { transport.CloseIdleConnections(r.next) }

// RoundTrip never changes req: each attempt sends a clone.
func (r *retry) RoundTrip(req *http.Request) (*http.Response, error) {
	run := &retryRun{retry: r, req: req, call: transport.CallFrom(req.Context()), spending: spend(req.Context(), r.budget)}
	defer run.spending.end()
	last := run.attempt(1)
	if !last.again {
		return last.resp, last.err
	}
	// The engine is entered only now: a call that succeeds at once doesn't pay
	// for it.
	_, err := r.engine.WithContext(req.Context()).GetWithExecution(func(e failsafe.Execution[*outcome]) (*outcome, error) {
		if !e.IsFirstAttempt() {
			last = run.attempt(e.Attempts())
		}
		return last, nil
	})
	if err != nil && last.again { // the context ended in the wait
		discard(last.resp)
		return unsent(run.prepared, errs.NewCanceledError(req.Context(), last.failure))
	}
	return last.resp, last.err
}

// outcome is what came of one attempt: a response or an error for the layers
// outside, the failure in it, and whether and when to try again.
type outcome struct {
	resp    *http.Response
	err     error
	failure error

	again bool
	wait  time.Duration
}

// retryRun is the attempts of one request.
type retryRun struct {
	*retry
	req      *http.Request
	call     *transport.Call
	spending *spending
	attempts []errs.Attempt
	prepared *http.Request // for the next attempt
}

// attempt makes one attempt and judges it.
func (r *retryRun) attempt(number int) *outcome {
	began := time.Now()
	resp, err := r.send()
	duration := time.Since(began)
	r.spending.attempted()

	o := &outcome{resp: resp, err: err, failure: verdict(r.req, resp, err)}
	a := errs.Attempt{Number: number, Duration: duration}
	if resp != nil {
		a.Status = resp.StatusCode
	}
	var reason errs.Reason
	if o.failure != nil {
		a.Reason, reason = r.judge(o, number)
	}
	a.Err, a.Wait = o.failure, o.wait
	r.attempts = append(r.attempts, r.call.Record(a))
	if o.again {
		r.call.Notify(transport.Event{Kind: transport.WaitBegan, Layer: "retry", Duration: o.wait})
	}
	r.conclude(o, reason)
	return o
}

func (r *retryRun) send() (*http.Response, error) {
	req := r.prepared
	if req == nil { // the first attempt has the request's own body
		req = r.req.Clone(r.req.Context())
	}
	r.prepared = nil
	return transport.Send(r.next, req)
}

// prepare makes the request of the next attempt.
func (r *retryRun) prepare() error {
	req := r.req.Clone(r.req.Context())
	if err := rewind(req); err != nil {
		return err
	}
	r.prepared = req
	return nil
}

// judge decides whether a failed attempt is followed by another, and says why
// or why not. Reason is set if the attempt is the last of a call that could be
// repeated.
func (r *retryRun) judge(o *outcome, number int) (text string, reason errs.Reason) {
	if abandoned(r.req.Context(), o.err, o.failure) {
		return "the caller canceled", ""
	}
	if !r.worth(o) {
		return "final", ""
	}
	if !r.safe(o) {
		return "not repeated: the server may have acted on it, and it has no idempotency key", ""
	}
	if !rewindable(r.req) {
		return "not repeated: its body can't be sent again without GetBody", ""
	}
	if r.policy.MaxRetries == 0 {
		return "final", ""
	}
	if number > r.policy.MaxRetries {
		return string(errs.ReasonAttempts), errs.ReasonAttempts
	}
	wait, ok := r.wait(o.failure, number)
	if !ok {
		return string(errs.ReasonRetryAfter), errs.ReasonRetryAfter
	}
	if deadline, ok := r.req.Context().Deadline(); ok && time.Until(deadline) <= wait {
		return string(errs.ReasonDeadline), errs.ReasonDeadline
	}
	if !r.spending.retry() {
		return string(errs.ReasonBudget), errs.ReasonBudget
	}
	if err := r.prepare(); err != nil {
		return "not repeated: " + err.Error(), ""
	}
	o.again, o.wait = true, wait
	return "retried", ""
}

// worth reports whether another attempt may succeed.
func (r *retryRun) worth(o *outcome) bool {
	if o.resp != nil && slices.Contains(r.policy.RetryOnStatusCodes, o.resp.StatusCode) {
		return true
	}
	if o.resp != nil && !errors.Is(o.failure, errs.ErrNetwork) {
		return false
	}
	return errs.Retryable(o.failure)
}

// safe reports whether another attempt can do no harm.
func (r *retryRun) safe(o *outcome) bool {
	if replayable(r.req) {
		return true
	}
	if o.resp != nil {
		return o.resp.StatusCode == http.StatusTooManyRequests
	}
	return !errs.MaybeApplied(o.failure)
}

// conclude makes of the last attempt's outcome what the layers outside get.
func (r *retryRun) conclude(o *outcome, reason errs.Reason) {
	ctx := r.req.Context()
	switch {
	case o.failure == nil || o.again:
	case abandoned(ctx, o.err, o.failure):
		discard(o.resp)
		o.resp, o.err = nil, errs.NewCanceledError(ctx, r.earlier())
	case reason == "":
	case o.resp != nil:
		transport.Conclude(o.resp, reason)
	default:
		o.err = &errs.RetryExhaustedError{Reason: reason, Attempts: r.attempts, Last: o.failure}
	}
}

// earlier returns the failure of the attempt before the last.
func (r *retryRun) earlier() error {
	if len(r.attempts) < 2 {
		return nil
	}
	return r.attempts[len(r.attempts)-2].Err
}

// discard closes a response that nobody gets. The answer to a call has been read
// by then, and its connection is free; what is left of a stream isn't waited for.
func discard(resp *http.Response) {
	if resp != nil {
		_ = resp.Body.Close()
	}
}
