package errs

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// Retryable reports whether the same request, sent again, may succeed where it
// failed with err: the response did not arrive in full, or its status was 429,
// 500, 502, 503 or 504. It knows nothing of keys: whether sending again is safe
// is up to the retry layer and [MaybeApplied].
//
// It is false for a cancellation, for a layer's refusal, for the caller's own
// mistakes, for a server whose certificate isn't trusted, for a proxy that
// refused the connection for good, and for any error that isn't plainly of the
// network.
func Retryable(err error) bool {
	switch kind := kindOf(err).(type) {
	case nil: // an error of another package
		return network(err) && transient(err)
	case *NetworkError:
		return transient(err)
	case *RetryExhaustedError:
		return Retryable(kind.Last)
	case *RateLimitError:
		return true
	case *ContractError:
		return retryableStatus(kind.Status) && !errors.Is(kind, ErrTooLarge)
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
	return !errors.Is(err, context.Canceled) && !untrusted(err)
}

func retryableStatus(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// FromServer reports whether the server said what err says, by an error status
// or an error document, and the client did not find it out by itself.
func FromServer(err error) bool {
	kind := kindOf(err)
	if exhausted, ok := kind.(*RetryExhaustedError); ok {
		return FromServer(exhausted.Last)
	}
	return apiErrorOf(kind) != nil
}

// MaybeApplied reports whether the server may have carried out the call that
// failed with err. It is false only where that is sure: nothing was sent, or
// each request that was sent was refused, by an error document of the API under
// a 4xx or 2xx status, or by a status that [Refused] knows. A redirect or an
// error page of a gateway refuses nothing: the API may have acted before the
// gateway replaced its response. When MaybeApplied is true, repeat the call with
// the same idempotency key, [Error.Key]: then it is applied at most once.
//
// For the [Error] of a call the answer comes from an account of what was written
// to connections. For any other error it comes from the error's type.
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
		return !Refused(kind.Status)
	default:
		api := apiErrorOf(kind)
		return api != nil && !api.refuses()
	}
}

// refuses reports whether the response says that the request was not carried
// out.
func (e *APIError) refuses() bool { return Refused(e.Status) || e.Status < 500 && !e.foreign }

// RetryAfter returns how long the server, or a proxy in front of it, asks to
// wait before the next attempt; of several times in err the longest. ok is
// false if it doesn't ask.
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
