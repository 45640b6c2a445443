package transport

import (
	"context"
	"net/http"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

// end turns the end of a call, the response or error of its stack, into its
// answer or its error. Nothing else makes an [errs.Error].
func (c *Call) end(ctx context.Context, resp *http.Response, err error) (*Answer, error) {
	var answer *Answer
	status := 0
	if err == nil {
		answer = read(ctx, resp, MaxAnswer)
		if err = answer.Err(); err == nil {
			return answer, nil
		}
		if status = answer.status; status < 300 && errs.FromServer(err) {
			c.ledger.refuse(answer.source)
		}
		if answer.reason != "" {
			err = &errs.RetryExhaustedError{Reason: answer.reason, Attempts: c.Attempts(), Last: err}
		}
	}
	err = errs.FromLayer(err)
	if endedBy(ctx, err) {
		err = errs.NewCanceledError(ctx, nil) // ctx is the caller's
	}
	attempts := c.Attempts()
	sends, _, _ := c.ledger.sent()
	if len(attempts) == 0 && sends > 0 {
		attempts = []errs.Attempt{c.count(errs.Attempt{Number: 1, Status: status, Err: err, Duration: time.Since(c.started)})}
	}
	return nil, &errs.Error{
		Operation:    c.op.name,
		Method:       c.op.method,
		Route:        c.op.route.template,
		Key:          c.Key(),
		Attempts:     attempts,
		Elapsed:      time.Since(c.started),
		Body:         c.sentBody(),
		MaybeApplied: !safeMethod(c.op.method) && (c.ledger.maybeApplied() || pastTheWire(status, err, attempts, sends)),
		Err:          err,
	}
}

// sentBody returns the Body of an [errs.Error].
func (c *Call) sentBody() func() []byte {
	if !c.ready {
		return nil
	}
	body := c.encoded
	return func() []byte { return body }
}

// MaybeApplied reports whether the server may have carried out what was sent for
// the call so far, where err is the failure of its latest attempt.
func (c *Call) MaybeApplied(err error) bool {
	if c == nil {
		return errs.MaybeApplied(err)
	}
	sends, _, _ := c.ledger.sent()
	return c.ledger.maybeApplied() || pastTheWire(0, err, nil, sends)
}

// pastTheWire reports whether a layer may have sent a call over a transport of
// its own, or with a context that hides the call from the wire: an attempt without
// a response has a network error that says so, or, if nothing came to the wire, one
// has a response that leaves it open. Where such an error is the wire's, the ledger
// says the same.
func pastTheWire(status int, err error, attempts []errs.Attempt, sends int) bool {
	for _, a := range append(attempts, errs.Attempt{Status: status, Err: err}) {
		answered := a.Status > 0 && sends == 0
		if (answered || a.Status == 0 && errs.KindOf(a.Err) == errs.KindNetwork) && errs.MaybeApplied(a.Err) {
			return true
		}
	}
	return false
}
