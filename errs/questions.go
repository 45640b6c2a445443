package errs

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Retryable reports whether the same request, sent again, may succeed where it
// failed with err: there was no whole answer, or the server said 429, 500, 502,
// 503 or 504. It knows nothing of keys: whether sending again is also safe is
// the retry layer's question, and [MaybeApplied]'s.
//
// It is false for a cancellation, for a layer's refusal, for the caller's own
// mistakes, for a server whose certificate isn't trusted, and for any error
// that isn't plainly of the network.
func Retryable(err error) bool {
	if errors.Is(err, ErrCanceled) || errors.Is(err, ErrRejected) || errors.Is(err, ErrClient) {
		return false
	}
	if auth, ok := errors.AsType[*AuthError](err); ok && auth.Cause != nil {
		return false
	}
	if errors.Is(err, ErrTooLarge) {
		return false
	}
	if status, ok := statusIn(err); ok {
		switch status {
		case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
			http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	if errors.Is(err, context.Canceled) || untrusted(err) {
		return false
	}
	_, ok := errors.AsType[*NetworkError](err)
	return ok || network(err)
}

// statusIn returns the HTTP status of the answer that err stands for, if the
// answer came whole.
func statusIn(err error) (int, bool) {
	if contract, ok := errors.AsType[*ContractError](err); ok {
		return contract.Status, true
	}
	if api, ok := errors.AsType[*APIError](err); ok {
		return api.Status, true
	}
	return 0, false
}

// FromServer reports whether err is what the server said, in a document of the
// API, and not something that the client found out.
func FromServer(err error) bool {
	if errors.Is(err, ErrContract) {
		return false
	}
	_, ok := errors.AsType[*APIError](err)
	return ok
}

// MaybeApplied reports whether the server may have carried out the call that
// failed with err. It is false where that is sure: nothing was sent, or every
// attempt was refused, with a 3xx, a 4xx or a document that says "error" under
// 2xx. When it is true, repeat the call with
// the same idempotency key, [Error.Key]: then it is applied once at most.
func MaybeApplied(err error) bool {
	if call, ok := errors.AsType[*Error](err); ok {
		return call.MaybeApplied
	}
	if status, ok := statusIn(err); ok {
		return Applicable(status) && (status >= 300 || !FromServer(err))
	}
	if lost, ok := errors.AsType[*NetworkError](err); ok {
		return lost.Sent
	}
	return errors.Is(err, ErrCanceled)
}

// Applicable reports whether a server that answered with this HTTP status may
// have carried the request out: 1xx, 2xx and 5xx leave it open, 3xx and 4xx
// don't.
func Applicable(status int) bool { return status < 300 || status >= 500 }

// RetryAfter returns how long the server asks to wait before the next attempt;
// ok is false if it doesn't ask.
func RetryAfter(err error) (wait time.Duration, ok bool) {
	if api, is := errors.AsType[*APIError](err); is && api.RetryAfter > 0 {
		return api.RetryAfter, true
	}
	return 0, false
}
