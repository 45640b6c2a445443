package errs

import (
	"context"
	"errors"
	"net/http"
	"slices"
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
	switch kind := kindOf(err).(type) {
	case nil: // a stranger's error
		return network(err) && mendable(err)
	case *NetworkError:
		return mendable(err)
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

// mendable reports whether time may mend an error of the network.
func mendable(err error) bool { return !errors.Is(err, context.Canceled) && !untrusted(err) }

func retryableStatus(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// FromServer reports whether err is what the server said, in a document of the
// API, and not something that the client found out.
func FromServer(err error) bool {
	switch kind := kindOf(err).(type) {
	case *RetryExhaustedError:
		return FromServer(kind.Last)
	case *AuthError:
		return kind.answered()
	case *NotFoundError, *ValidationError, *ConflictError, *RateLimitError, *APIError:
		return true
	}
	return false
}

// MaybeApplied reports whether the server may have carried out the call that
// failed with err. It is false where that is sure: nothing was sent, or every
// attempt was refused, with a 3xx, a 4xx or a document that says "error" under
// 2xx. When it is true, repeat the call with the same idempotency key,
// [Error.Key]: then it is applied once at most.
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
		return Applicable(kind.Status)
	case *APIError:
		return kind.Status >= 500
	}
	return false
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

// outermost returns the first kind of this package in err's chain, an [Error]
// included; nil if there is none. What is inside of it, such as the failure
// before a cancellation, is another story.
func outermost(err error) error {
	switch e := err.(type) {
	case nil:
		return nil
	case *Error, *CanceledError, *RetryExhaustedError, *NetworkError, *ContractError, *RejectedError, *ClientError,
		*AuthError, *NotFoundError, *ValidationError, *ConflictError, *RateLimitError, *APIError:
		return err
	case interface{ Unwrap() error }:
		return outermost(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if kind := outermost(part); kind != nil {
				return kind
			}
		}
	}
	return nil
}

// kindOf returns the kind of failure that err is; nil if it is none of this
// package.
func kindOf(err error) error {
	kind := outermost(err)
	if call, ok := kind.(*Error); ok {
		return kindOf(call.Err)
	}
	return kind
}
