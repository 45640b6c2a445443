package middleware

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// ForeignRetry returns a layer "retry" that leaves it to the retry of another
// package when and how often a request is sent again. It stands in place of
// [Retry]:
//
//	stack.Replace("retry", middleware.ForeignRetry(wrap))
//
// wrap puts the foreign retry around next. It is called once, here. The foreign
// retry must send through next, with the context that it gets or one derived from
// it, and be safe for concurrent use. One that is built on an http.Client, such as
// go-retryablehttp's, gets next as the Transport of that client.
//
// The layer makes whole what a foreign retry can't know:
//
//   - A response whose body was cut reaches the foreign retry as a network error.
//   - A request that must not be repeated isn't: the rules are those of [Retry].
//     Neither is one that failed in a way that time doesn't change, such as a
//     refusal by a layer, nor one that was answered with a redirect. The foreign
//     retry is stopped by its context then, and doesn't see the response.
//   - Each attempt gets the request's own body, from GetBody. The foreign retry
//     sees a request without a body, and so keeps no copy of it. It may change
//     header, URL and host of an attempt, and nothing else.
//   - No attempt is sent before a Retry-After has passed. The call ends at once if
//     that is above 60s or would outlast the deadline.
//   - A context of the foreign retry that ends is the time limit of an attempt.
//   - Errors have every attempt. An attempt is recorded, and reported to an
//     [Observer], when the next one begins or the call ends.
//   - When the foreign retry gives up, the result is that of [Retry]: the last
//     response, marked by [transport.Conclude], or an [errs.RetryExhaustedError].
//     It gave up if it has repeated the request, and the last failure is one of
//     those that [errs.Retryable] reports, or of the same kind as the one before.
//     Its own error is dropped.
//
// Left to the foreign retry are the statuses that it repeats, the number of
// attempts, and its waits. A wait of its own may outlast the caller's deadline;
// the error is then an [errs.CanceledError] with the last failure inside.
//
// Position: anywhere; it retries. Put [Timeout], [Classify], [Envelope] and [Auth]
// inside, and [Idempotency] outside.
func ForeignRetry(wrap func(next http.RoundTripper) http.RoundTripper) transport.Layer {
	if wrap == nil {
		return refusedForeignRetry("is nil: give a function that puts the foreign retry around next")
	}
	foreign := wrap(foreignNext{})
	if foreign == nil {
		return refusedForeignRetry("returns nil: it must return the foreign retry")
	}
	return transport.NewLayerFunc("retry", transport.Retries, func(req *http.Request, next transport.Next) (*http.Response, error) {
		return (&foreignRun{req: req, next: next, call: transport.CallFrom(req.Context())}).send(foreign)
	}).Describe("of another package")
}

func refusedForeignRetry(problem string) transport.Layer {
	return transport.RefusedLayer("retry", transport.Retries, &errs.ClientError{Field: "ForeignRetry function", Problem: problem})
}

// foreignNext is the round tripper inside a foreign retry. It finds the run that
// a request belongs to in its context.
type foreignNext struct{}

type foreignRunKey struct{} // of a context's *foreignRun

func (foreignNext) RoundTrip(req *http.Request) (*http.Response, error) {
	run, ok := req.Context().Value(foreignRunKey{}).(*foreignRun)
	if !ok {
		return unsent(req, &errs.ClientError{Field: "ForeignRetry function", Problem: "made a retry that sends without the request's context: it must use that or one derived from it"})
	}
	return run.attempt(req)
}

// foreignRun is the attempts of one request that a foreign retry makes.
type foreignRun struct {
	req      *http.Request // the original; each attempt sends a clone
	next     transport.Next
	call     *transport.Call
	stop     context.CancelFunc // ends the foreign retry
	attempts []errs.Attempt     // those that are recorded

	mu      sync.Mutex      // the foreign retry may give up waiting for an attempt
	begun   int             // attempts
	last    *foreignAttempt // ended, and not recorded yet
	stopped bool            // no other attempt is sent
}

// errStopped is what a foreign retry gets in place of a further attempt.
var errStopped = errors.New("the request is not sent again")

// send lets the foreign retry send the request.
func (r *foreignRun) send(foreign http.RoundTripper) (*http.Response, error) {
	ctx, stop := context.WithCancel(context.WithValue(r.req.Context(), foreignRunKey{}, r))
	defer stop()
	r.stop = stop
	bodiless := r.req.Clone(ctx)
	bodiless.Body, bodiless.GetBody, bodiless.ContentLength = nil, nil, 0
	resp, err := foreign.RoundTrip(bodiless)
	if err != nil {
		discard(resp)
		resp = nil
	}
	return r.end(resp, err)
}

// attempt makes one attempt for the foreign retry, and returns what that sees of
// the result.
func (r *foreignRun) attempt(req *http.Request) (*http.Response, error) {
	if wait := r.pause(); wait > 0 {
		r.call.Notify(transport.Event{Kind: transport.WaitBegan, Layer: "retry", Duration: wait})
		if !sleep(req.Context(), wait) {
			return nil, req.Context().Err()
		}
	}
	sent, number := r.begin(req)
	if sent == nil {
		return nil, errStopped
	}
	return r.show(r.exchange(req.Context(), sent, number))
}

// pause returns how long the server still asks to wait.
func (r *foreignRun) pause() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil || r.last.bar != "" {
		return 0
	}
	return time.Until(r.last.ended.Add(r.last.asked))
}

// begin returns the request of the next attempt and its number; nil if none may
// follow. The foreign retry may have changed its header and where it goes.
func (r *foreignRun) begin(req *http.Request) (sent *http.Request, number int) {
	sent = r.req.Clone(r.req.Context())
	target := *req.URL
	sent.Header, sent.URL, sent.Host = req.Header.Clone(), &target, req.Host
	last, number := r.advance(sent)
	if number == 0 {
		return nil, 0
	}
	if last != nil {
		last.record.Wait = time.Since(last.ended)
		r.record(last, "retried")
	}
	return sent, number
}

// advance gives the next attempt its body and number, and returns the attempt
// before it. The number is 0 if none may follow.
func (r *foreignRun) advance(sent *http.Request) (last *foreignAttempt, number int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last = r.last
	var bodyErr error
	if r.begun > 0 {
		bodyErr = rewind(sent)
	}
	switch {
	case last != nil && last.bar == "" && bodyErr != nil:
		last.bar = "not repeated: " + bodyErr.Error()
	case last == nil && r.begun > 0 && (bodyErr != nil || repetitionBar(r.req, nil, &errs.NetworkError{Sent: true}) != ""):
		return nil, 0 // the attempt in flight goes on
	}
	if r.stopped || last != nil && last.bar != "" {
		r.halt()
		return nil, 0
	}
	r.last = nil
	r.begun++
	return last, r.begun
}

// halt stops the foreign retry for good. The caller holds r.mu.
func (r *foreignRun) halt() {
	r.stopped = true
	r.stop()
}

// show makes an attempt the last, and returns what the foreign retry sees of it.
func (r *foreignRun) show(a *foreignAttempt) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = a
	switch {
	case a.stops:
		r.halt()
		return nil, errStopped
	case !a.complete():
		return nil, a.failure
	}
	shown := *a.resp // the foreign retry may put another body in its place
	a.shown = &shown
	return a.shown, nil
}

// end returns the result of the request, for which the foreign retry returned
// either resp or err.
func (r *foreignRun) end(resp *http.Response, err error) (*http.Response, error) {
	r.mu.Lock()
	last, stopped := r.last, r.stopped
	r.halt()
	r.mu.Unlock()
	switch {
	case last == nil:
		return r.unanswered(resp, err)
	case stopped && errs.KindOf(last.failure) != errs.KindCanceled:
		if resp != last.shown {
			discard(resp)
		}
		last.restore(r.req)
		return r.result(last, last.bar)
	case resp != nil:
		last.resp, last.err = resp, nil
	case r.req.Context().Err() != nil:
		return nil, r.canceled(last)
	case last.failure == nil, last.complete() && !inMemory(last.resp):
		r.record(last, "final") // the foreign retry closed the response
		return nil, err
	default:
		last.restore(r.req)
	}
	if r.exhausted(last) {
		last.giveUp(errs.ReasonAttempts)
		return r.result(last, last.bar)
	}
	return r.result(last, "final")
}

// unanswered returns the result of a request of which no attempt has ended.
func (r *foreignRun) unanswered(resp *http.Response, err error) (*http.Response, error) {
	if r.begun == 0 && r.req.Body != nil {
		_ = r.req.Body.Close()
	}
	if err != nil {
		err = transport.Outcome(r.req, nil, err)
	}
	return resp, err
}

// canceled returns the error of a request that the caller canceled.
func (r *foreignRun) canceled(last *foreignAttempt) error {
	discard(last.resp)
	r.record(last, "the caller canceled")
	failure := last.failure
	if errs.KindOf(failure) == errs.KindCanceled {
		failure = earlier(r.attempts)
	}
	return errs.NewCanceledError(r.req.Context(), failure)
}

// exhausted reports whether the foreign retry has sent the request more than
// once, and ended with a failure that it repeats.
func (r *foreignRun) exhausted(last *foreignAttempt) bool {
	if last.failure == nil || len(r.attempts) == 0 {
		return false
	}
	before := r.attempts[len(r.attempts)-1].Err
	return errs.Retryable(last.failure) || errs.KindOf(last.failure) == errs.KindOf(before)
}

// result returns the result of the last attempt, after which nothing was sent for
// the reason.
func (r *foreignRun) result(last *foreignAttempt, reason string) (*http.Response, error) {
	if last.failure == nil {
		reason = ""
	}
	r.record(last, reason)
	if !last.gaveUp {
		return last.resp, last.err
	}
	if last.resp != nil {
		transport.Read(r.req, last.resp) // the foreign retry may have wrapped it
	}
	return conclude(last.resp, &errs.RetryExhaustedError{Reason: errs.Reason(reason), Attempts: r.attempts, Last: last.failure})
}

// record records an attempt.
func (r *foreignRun) record(a *foreignAttempt, reason string) {
	a.record.Reason = reason
	r.attempts = append(r.attempts, r.call.Record(a.record))
}
