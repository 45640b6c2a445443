package errs

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ErrContract matches every [ContractError], for [errors.Is].
var ErrContract = errors.New("prefactor: answer breaks the API's contract")

// ErrTooLarge matches the [ContractError] of an answer beyond the size bound,
// for [errors.Is].
var ErrTooLarge = errors.New("prefactor: answer too large")

// ContractError is an answer that isn't what the API promises: a redirect, an
// HTML page, a broken envelope, a body that is too large. Under an error
// status Unwrap also leads to the kind of that status, so that an HTML page
// under 429 is a [RateLimitError] too.
type ContractError struct {
	Status  int    // HTTP status of the answer
	Problem string // what is wrong with it
	Cause   error  // the decoder's error, [ErrTooLarge], or the kind of the status; may be nil

	RetryAfter time.Duration // how long the header asks to wait; 0 if it doesn't ask
	RequestID  string        // X-Request-Id, if the response had one

	snippet *string // behind a pointer: %#v prints an address
}

func (e *ContractError) Error() string {
	return fmt.Sprintf("server answered %d, but %s; check that the API URL leads to the API itself", e.Status, e.Problem)
}

// Is reports whether target is [ErrContract].
func (e *ContractError) Is(target error) bool { return target == ErrContract }

// Unwrap returns the cause.
func (e *ContractError) Unwrap() error { return e.Cause }

// Snippet returns the beginning of the answer's body on one line, 200
// characters at most. It may hold anything that the server sent, so no format
// prints it: log it where that is safe.
func (e *ContractError) Snippet() string {
	if e.snippet == nil {
		return ""
	}
	return *e.snippet
}

// NewContractError returns a [ContractError] for a response with the given status,
// header, which may be nil, and body.
func NewContractError(status int, h http.Header, problem string, body []byte, cause error) *ContractError {
	snippet := Words(string(body[:min(len(body), 4*maxWords)]))
	return &ContractError{
		Status: status, Problem: problem, Cause: cause,
		RetryAfter: ParseRetryAfter(h), RequestID: h.Get("X-Request-Id"),
		snippet: &snippet,
	}
}
