package middleware

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// refuse ends a request that a layer doesn't let pass.
func refuse(req *http.Request, layer string, cause error) (*http.Response, error) {
	return unsent(req, &errs.RejectedError{Layer: layer, Cause: cause})
}

// endWait ends a request whose context ended while it waited for its turn.
func endWait(req *http.Request) (*http.Response, error) {
	return unsent(req, transport.Outcome(req, nil, context.Cause(req.Context())))
}

// unsent ends a request that goes no further.
func unsent(req *http.Request, err error) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return nil, err
}

// noPolicy returns a layer that was given no policy.
func noPolicy(layer string, scope transport.Scope, remedy string) transport.Layer {
	return transport.RefusedLayer(layer, scope, &errs.ClientError{Field: layer + " policy", Problem: "is nil: " + remedy})
}

// negativeWait returns a layer that was given a negative wait. (failsafe would
// take some of them for "as long as it takes".)
func negativeWait(layer string) transport.Layer {
	return transport.RefusedLayer(layer, transport.Anywhere,
		&errs.ClientError{Field: layer + " wait", Problem: "must be 0, which refuses at once, or more"})
}

// sleep waits for d, and reports whether ctx let it.
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

// waiting says for a layer's description how long it waits.
func waiting(wait time.Duration) string {
	if wait == 0 {
		return "no wait"
	}
	return fmt.Sprintf("waits %s at most", wait)
}
