package middleware

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// refuse ends a request that a layer refuses.
func refuse(req *http.Request, layer string, cause error) (*http.Response, error) {
	return unsent(req, &errs.RejectedError{Layer: layer, Cause: cause})
}

// endWait ends a request whose context ended during a wait.
func endWait(req *http.Request) (*http.Response, error) {
	return unsent(req, transport.Outcome(req, nil, context.Cause(req.Context())))
}

// unsent ends a request that is not sent.
func unsent(req *http.Request, err error) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return nil, err
}

// noPolicy returns a layer that reports a nil policy when the stack is built.
func noPolicy(layer string, scope transport.Scope, remedy string) transport.Layer {
	return transport.RefusedLayer(layer, scope, &errs.ClientError{Field: layer + " policy", Problem: "is nil: " + remedy})
}

// nilOption is the error for the option at index i of a layer's list.
func nilOption(layer string, i int) error {
	return &errs.ClientError{Field: fmt.Sprintf("%s option %d", layer, i+1), Problem: "is nil: leave it out"}
}

// negativeWait returns a layer that reports a negative wait when the stack is
// built. failsafe would take some negative waits as unlimited.
func negativeWait(layer string) transport.Layer {
	return transport.RefusedLayer(layer, transport.Anywhere,
		&errs.ClientError{Field: layer + " wait", Problem: "must not be negative; 0 refuses at once"})
}

// askedWait returns how long the server asks to wait before req is sent again: by
// the failure of its last attempt, or by any earlier response to its call.
func askedWait(req *http.Request, failure error) time.Duration {
	wait, _ := errs.RetryAfter(failure)
	return max(wait, transport.CallFrom(req.Context()).RetryAfter())
}

// sleep waits for d, and reports whether it did so before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// waiting returns the part of a layer's description about its wait.
func waiting(wait time.Duration) string {
	if wait == 0 {
		return "no wait"
	}
	return fmt.Sprintf("waits %s at most", wait)
}
