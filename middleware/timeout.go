package middleware

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// Timeout returns the layer "timeout", which bounds one attempt to d: from
// sending the request to the end of the answer's body. Its expiry is an
// [errs.NetworkError] whose Timeout method returns true; it doesn't match
// context.DeadlineExceeded, which stands for the caller's own deadline. A body
// that streams, of a request that is no API call, is bounded up to its header
// only.
//
// Position: once an attempt, outside envelope.
func Timeout(d time.Duration) transport.Layer {
	if err := transport.ValidateTimeout("RequestTimeout", d); err != nil {
		return transport.RefusedLayer("timeout", transport.PerAttempt, err)
	}
	return transport.NewLayerFunc("timeout", transport.PerAttempt, func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		ctx, cancel := context.WithCancelCause(req.Context())
		attempt := &timedAttempt{ctx: ctx, cancel: cancel, timer: time.AfterFunc(d, func() { cancel(expired(d)) })}
		return attempt.send(req, next)
	}).Describe(d.String())
}

// expired is the cause with which an attempt's context ends when its time is
// up. It is a [net.Error].
type expired time.Duration

func (e expired) Error() string   { return fmt.Sprintf("attempt timed out after %s", time.Duration(e)) }
func (e expired) Timeout() bool   { return true }
func (e expired) Temporary() bool { return true }

// timedAttempt is one attempt with its clock.
type timedAttempt struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func (a *timedAttempt) send(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	resp, err := transport.Send(next, req.WithContext(a.ctx))
	if err != nil {
		err = a.cause(err)
		a.end()
		return nil, err
	}
	if _, read := resp.Body.(*transport.Answer); read {
		a.end()
		return resp, nil
	}
	if transport.CallFrom(req.Context()) == nil {
		a.timer.Stop() // the body streams
	}
	if _, upgraded := resp.Body.(io.Writer); !upgraded { // 101 Switching Protocols
		resp.Body = &timedBody{ReadCloser: resp.Body, attempt: a}
	}
	resp.Body = onClose(resp.Body, a.end)
	return resp, nil
}

// end stops the clock and frees the context.
func (a *timedAttempt) end() {
	a.timer.Stop()
	a.cancel(nil)
}

// cause returns the expiry in place of err, if that is what ended the attempt.
func (a *timedAttempt) cause(err error) error {
	late, ok := context.Cause(a.ctx).(expired)
	if !ok || errors.Is(err, late) || errors.Is(err, errs.ErrAuth) {
		return err
	}
	return &errs.NetworkError{Sent: errs.MaybeApplied(errs.FromLayer(err)), Cause: late}
}

// timedBody tells the expiry in place of the error that it causes.
type timedBody struct {
	io.ReadCloser
	attempt *timedAttempt
}

// Unwrap returns the body inside.
func (b *timedBody) Unwrap() io.ReadCloser { return b.ReadCloser }

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = b.attempt.cause(err)
	}
	return n, err
}
