package errs

import "net/http"

// Kind is the kind of a failure: a lower-case name, fit for a label of a
// metric.
type Kind string

// The kinds of failures.
const (
	KindOK          Kind = "ok"           // no failure: the kind of a nil error
	KindAuth        Kind = "auth"         // [AuthError]
	KindNotFound    Kind = "not_found"    // [NotFoundError]
	KindValidation  Kind = "validation"   // [ValidationError]
	KindConflict    Kind = "conflict"     // [ConflictError]
	KindRateLimited Kind = "rate_limited" // [RateLimitError]
	KindServer      Kind = "server"       // [APIError]: an error status without a kind of its own, 5xx or one such as 405
	KindContract    Kind = "contract"     // [ContractError]
	KindNetwork     Kind = "network"      // [NetworkError]
	KindCanceled    Kind = "canceled"     // [CanceledError]
	KindRejected    Kind = "rejected"     // [RejectedError]
	KindClient      Kind = "client"       // [ClientError]
	KindOther       Kind = "error"        // an error of another package
)

// KindOf returns the kind of err, to branch on where [errors.Is] may match
// several kinds. The outermost error decides, not an earlier failure or a cause
// inside it: a [CanceledError] after a 503 is KindCanceled, and an [AuthError]
// whose token source failed with a [NetworkError] is KindAuth. An [Error] has
// the kind of its Err, and a [RetryExhaustedError] that of its Last.
func KindOf(err error) Kind {
	if err == nil {
		return KindOK
	}
	switch kind := kindOf(err).(type) {
	case *AuthError:
		return KindAuth
	case *NotFoundError:
		return KindNotFound
	case *ValidationError:
		return KindValidation
	case *ConflictError:
		return KindConflict
	case *RateLimitError:
		return KindRateLimited
	case *APIError:
		return KindServer
	case *ContractError:
		return KindContract
	case *NetworkError:
		return KindNetwork
	case *CanceledError:
		return KindCanceled
	case *RejectedError:
		return KindRejected
	case *ClientError:
		return KindClient
	case *RetryExhaustedError:
		if kind.Last != nil {
			return KindOf(kind.Last)
		}
	}
	return KindOther
}

// outermost returns the first error of this package in err's tree, which may be
// an [Error]; nil if there is none. It doesn't look inside the error that it
// finds.
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

// kindOf is like [outermost], but looks inside an [Error].
func kindOf(err error) error {
	kind := outermost(err)
	if call, ok := kind.(*Error); ok {
		return kindOf(call.Err)
	}
	return kind
}

// apiErrorOf returns the server's error, if kind is one that the server
// reported.
func apiErrorOf(kind error) *APIError {
	switch e := kind.(type) {
	case *AuthError:
		if e.answered() {
			return e.APIError
		}
	case *NotFoundError:
		return e.APIError
	case *ValidationError:
		return e.APIError
	case *ConflictError:
		return e.APIError
	case *RateLimitError:
		return e.APIError
	case *APIError:
		return e
	}
	return nil
}

// Refused reports whether an HTTP status alone shows that the request was not
// carried out, even if a gateway sent the response: 407, 411, 413, 414, 417,
// 421, 429 and 431.
func Refused(status int) bool {
	switch status {
	case http.StatusProxyAuthRequired, http.StatusLengthRequired, http.StatusRequestEntityTooLarge,
		http.StatusRequestURITooLong, http.StatusExpectationFailed, http.StatusMisdirectedRequest,
		http.StatusTooManyRequests, http.StatusRequestHeaderFieldsTooLarge:
		return true
	}
	return false
}
