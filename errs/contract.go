package errs

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ErrContract matches every [ContractError], for [errors.Is].
var ErrContract = errors.New("prefactor: response breaks the API's contract")

// ErrTooLarge matches the [ContractError] of a response above the size limit,
// for [errors.Is].
var ErrTooLarge = errors.New("prefactor: response too large")

// ContractError is a response that isn't what the API promises: a redirect, an
// HTML page, a broken envelope, a body that is too large. Under an error status
// Unwrap also leads to the kind for that status, so an HTML page under 429 is a
// [RateLimitError] too.
type ContractError struct {
	Status  int    // HTTP status of the response
	Problem string // what is wrong with it
	Cause   error  // the decoder's error, [ErrTooLarge], or the error for the status; may be nil

	RetryAfter time.Duration // how long the header asks to wait; 0 if it doesn't ask
	RequestID  string        // X-Request-Id, if the response had one

	snippet *string // behind a pointer: %#v prints an address
}

func (e *ContractError) Error() string {
	return fmt.Sprintf("server answered %d, but %s; check that the API URL points to the API itself", e.Status, e.Problem)
}

// Is reports whether target is [ErrContract].
func (e *ContractError) Is(target error) bool { return target == ErrContract }

// Unwrap returns the cause.
func (e *ContractError) Unwrap() error { return e.Cause }

// Snippet returns the beginning of the response's body on one line, at most 200
// characters and an ellipsis. It may hold anything that the server sent, so no
// format verb prints it. Log it only where that is safe.
func (e *ContractError) Snippet() string {
	if e.snippet == nil {
		return ""
	}
	return *e.snippet
}

// NewContractError returns a [ContractError] for a response with the given
// status, header and body. The header may be nil.
func NewContractError(status int, h http.Header, problem string, body []byte, cause error) *ContractError {
	snippet := Words(string(body[:min(len(body), 4*maxWords)]))
	return &ContractError{
		Status: status, Problem: problem, Cause: cause,
		RetryAfter: ParseRetryAfter(h), RequestID: h.Get("X-Request-Id"),
		snippet: &snippet,
	}
}
