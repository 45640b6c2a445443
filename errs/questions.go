package errs

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// Retryable reports whether the request that failed with err may succeed if it
// is sent again: the response did not arrive in full, or its status was 429,
// 500, 502, 503 or 504. It doesn't consider whether that is safe: see
// [MaybeApplied].
//
// It is false for a cancellation and the caller's deadline, a refusal by a layer,
// a [ClientError], a response that is too large, a proxy that refused the
// connection with any other status, and for an error that isn't clearly a network
// error. [context.DeadlineExceeded] is the time limit of one attempt only inside a
// [NetworkError]. And it is false for network errors that no wait removes: a host
// that doesn't exist, a port out of range, a server that speaks another protocol
// there (as https to a port of plain HTTP), a certificate that isn't trusted, a TLS
// handshake that the server refused.
func Retryable(err error) bool {
	switch kind := kindOf(err).(type) {
	case nil: // an error of another package
		return network(err) && transient(err) && !errors.Is(err, context.DeadlineExceeded)
	case *NetworkError:
		return transient(err)
	case *RetryExhaustedError:
		return Retryable(kind.Last)
	case *RateLimitError:
		return true
	case *ContractError:
		return retryableStatus(kind.Status) && !kind.elsewhere && !errors.Is(kind, ErrTooLarge)
	case *APIError:
		return retryableStatus(kind.Status)
	}
	return false
}

// transient reports whether a network error may go away by itself.
func transient(err error) bool {
	if proxy, ok := errors.AsType[*ProxyError](err); ok {
		return retryableStatus(proxy.Status)
	}
	return !errors.Is(err, context.Canceled) && lasting(err) == ""
}

func retryableStatus(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// FromServer reports whether err is what the server reported, by an error
// status or an error document, rather than something that the client found by
// itself.
func FromServer(err error) bool {
	kind := kindOf(err)
	if exhausted, ok := kind.(*RetryExhaustedError); ok {
		return FromServer(exhausted.Last)
	}
	return apiErrorOf(kind) != nil
}

// MaybeApplied reports whether the server may have carried out the call that
// failed with err. It is false only if that is certain: nothing was sent, or
// each request that was sent was refused, by an error document of the API under
// a 4xx or 2xx status, or by a status for which [Refused] is true. A redirect
// or an error page of a gateway is not a refusal: the API may have acted before
// the gateway replaced its response.
//
// If MaybeApplied is true, repeat the call with the same idempotency key,
// [Error.Key]: it is then applied at most once.
//
// For an [Error] the result is its MaybeApplied field, which comes from a
// record of what was written to connections. For any other error it follows
// from the error's type.
func MaybeApplied(err error) bool {
	switch kind := outermost(err).(type) {
	case *Error:
		return kind.MaybeApplied
	case *CanceledError:
		return true
	case *RetryExhaustedError:
		return MaybeApplied(kind.Last) || slices.ContainsFunc(kind.Attempts, func(a Attempt) bool { return MaybeApplied(a.Err) })
	case *NetworkError:
		return kind.Sent
	case *ContractError:
		return kind.elsewhere || !Refused(kind.Status)
	default:
		api := apiErrorOf(kind)
		return api != nil && !api.refuses()
	}
}

// InvalidAction reports whether the server refused an action because of the state
// that a record is in, as for an instance or a span that is finished a second time.
// It is a [ConflictError] with the code invalid_action, and nothing was changed.
func InvalidAction(err error) bool {
	conflict, ok := errors.AsType[*ConflictError](err)
	return ok && conflict.APIError != nil && conflict.Code == "invalid_action"
}

// refuses reports whether the response shows that the request was not carried
// out.
func (e *APIError) refuses() bool { return Refused(e.Status) || e.Status < 500 && !e.foreign }

// RetryAfter returns how long the server, or a proxy in front of it, asks to
// wait before the next attempt. If err holds several waits, it returns the
// longest. ok is false if there is none.
func RetryAfter(err error) (wait time.Duration, ok bool) {
	switch e := err.(type) {
	case *APIError:
		wait = e.RetryAfter
	case *NetworkError:
		wait = e.RetryAfter
	case *ContractError:
		wait = e.RetryAfter
	case *ProxyError:
		wait = e.RetryAfter
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		inner, _ := RetryAfter(e.Unwrap())
		wait = max(wait, inner)
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			inner, _ := RetryAfter(part)
			wait = max(wait, inner)
		}
	}
	return wait, wait > 0
}
