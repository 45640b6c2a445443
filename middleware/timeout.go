package middleware

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// Timeout returns the layer "timeout", which limits one attempt to d, from
// sending the request to the end of the response's body. When the time is up,
// the error is an [errs.NetworkError] whose Timeout method returns true. It
// matches [os.ErrDeadlineExceeded], and not [context.DeadlineExceeded], which
// means the caller's own deadline. A body that streams, of a request that is not an API call, is
// limited only up to the response's header.
//
// Position: once an attempt, outside envelope.
func Timeout(d time.Duration) transport.Layer {
	if err := validateTimeout("RequestTimeout", d); err != nil {
		return transport.RefusedLayer("timeout", transport.PerAttempt, err)
	}
	return transport.NewLayerFunc("timeout", transport.PerAttempt, func(req *http.Request, next transport.Next) (*http.Response, error) {
		ctx, cancel := context.WithCancelCause(req.Context())
		expire := func() { cancel(&errs.NetworkError{Cause: expired(d)}) }
		attempt := &timedAttempt{req: req.WithContext(ctx), cancel: cancel, timer: time.AfterFunc(d, expire)}
		return attempt.send(next)
	}).Describe(d.String())
}

// expired is the error of an attempt whose time is up. It is a [net.Error].
type expired time.Duration

func (e expired) Error() string   { return fmt.Sprintf("attempt timed out after %s", time.Duration(e)) }
func (e expired) Timeout() bool   { return true }
func (e expired) Temporary() bool { return true }

// Is reports whether target is [os.ErrDeadlineExceeded], as for a time limit of
// the net package.
func (expired) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// timedAttempt is one attempt and its timer.
type timedAttempt struct {
	req    *http.Request // with the attempt's context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func (a *timedAttempt) send(next transport.Next) (*http.Response, error) {
	req := a.req
	resp, err := next(req)
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

// end stops the timer and frees the context.
func (a *timedAttempt) end() {
	a.timer.Stop()
	a.cancel(nil)
}

// cause returns the typed error for err if the end of the attempt's context
// caused it, otherwise err.
func (a *timedAttempt) cause(err error) error {
	if _, limited := context.Cause(a.req.Context()).(*errs.NetworkError); limited {
		return transport.Outcome(a.req, nil, err)
	}
	return err // of a context outside, if one ended it
}

// timedBody is a body whose reads the timer may end.
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
