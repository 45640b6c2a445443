package middleware

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// foreignAttempt is the result of one attempt that a foreign retry made.
type foreignAttempt struct {
	record  errs.Attempt
	resp    *http.Response
	err     error
	failure error
	shown   *http.Response // resp as the foreign retry has it; nil if it doesn't

	ended  time.Time
	asked  time.Duration // how long the server asks to wait
	bar    string        // why no other attempt may follow; "" if one may
	stops  bool          // the bar stops the foreign retry at once
	gaveUp bool          // the bar is an [errs.Reason]
}

// exchange sends the request of an attempt. The context with which the foreign
// retry sends is the time limit of the attempt, up to the header of a response
// that streams.
func (r *foreignRun) exchange(foreign context.Context, sent *http.Request, number int) *foreignAttempt {
	ctx, cancel := context.WithCancelCause(&foreignContext{r.req.Context(), context.WithoutCancel(foreign)})
	defer context.AfterFunc(foreign, func() { cancel(&errs.NetworkError{Cause: os.ErrDeadlineExceeded}) })()
	streams := false
	defer func() {
		if !streams {
			cancel(nil)
		}
	}()
	sent = sent.WithContext(ctx)
	began := time.Now()
	resp, err := r.next(sent)
	failure := transport.Outcome(sent, resp, err)
	if failure != nil && r.req.Context().Err() != nil {
		failure = transport.Outcome(r.req, nil, failure)
	}
	if streams = !inMemory(resp); streams {
		resp.Body = onClose(resp.Body, func() { cancel(nil) })
	}
	a := &foreignAttempt{resp: resp, err: err, failure: failure, ended: time.Now(), asked: askedWait(r.req, failure)}
	a.record = errs.Attempt{Number: number, Err: failure, Duration: a.ended.Sub(began)}
	if resp != nil {
		a.record.Status = resp.StatusCode
	}
	a.decide(r.req)
	return a
}

// foreignContext is the caller's context, with the values of another one.
type foreignContext struct {
	context.Context
	values context.Context
}

func (c *foreignContext) Value(key any) any { return c.values.Value(key) }

// decide sets whether another attempt of req may follow.
func (a *foreignAttempt) decide(req *http.Request) {
	worth := errs.Retryable(a.failure)
	bar := repetitionBar(req, a.resp, a.failure)
	deadline, limited := req.Context().Deadline()
	switch {
	case !worth && !a.complete(), redirects(a.resp), errors.Is(a.failure, errs.ErrTooLarge):
		a.bar, a.stops = "final", true
	case bar != "":
		a.bar, a.stops = bar, worth
	case worth && a.asked > DefaultRetryPolicy().MaxRetryDelay:
		a.giveUp(errs.ReasonRetryAfter)
	case worth && a.asked > 0 && limited && time.Until(deadline) <= a.asked:
		a.giveUp(errs.ReasonDeadline)
	}
}

// giveUp bars another attempt, although one might succeed.
func (a *foreignAttempt) giveUp(reason errs.Reason) {
	a.bar, a.stops, a.gaveUp = string(reason), true, true
}

// complete reports whether there was a response, all of it.
func (a *foreignAttempt) complete() bool {
	kind := errs.KindOf(a.failure)
	return a.resp != nil && kind != errs.KindNetwork && kind != errs.KindCanceled
}

// restore makes a response readable that the foreign retry has seen, and may have
// drained.
func (a *foreignAttempt) restore(req *http.Request) {
	if a.stops || !a.complete() {
		return
	}
	if answer, ok := a.resp.Body.(*transport.Answer); ok {
		a.resp.Body = io.NopCloser(bytes.NewReader(answer.Document()))
		transport.Read(req, a.resp)
	}
}

// redirects reports whether an http.Client may follow a response elsewhere.
func redirects(resp *http.Response) bool {
	return resp != nil && resp.StatusCode >= 300 && resp.StatusCode < 400
}
