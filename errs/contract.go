package errs

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
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

	elsewhere  bool    // it is the response to another request than the one that was sent
	isPacked   bool    // its Content-Encoding was not undone
	isDocument bool    // the body is JSON, or should be by its header
	snippet    *string // behind a pointer: %#v prints an address
}

func (e *ContractError) Error() string {
	answered := "server answered"
	if e.Status != 0 {
		answered += " " + strconv.Itoa(e.Status)
	}
	return answered + ", but " + cmp.Or(e.Problem, "its response is wrong") + "; " + e.advice()
}

func (e *ContractError) advice() string {
	switch {
	case e.elsewhere:
		return "use a base transport that follows no redirects and sends to the URL that it is given"
	case e.Status >= 400:
		return adviceFor(e.Status)
	case e.isPacked:
		return "leave Accept-Encoding to the base transport, or unpack the body in a layer"
	case errors.Is(e.Cause, ErrTooLarge):
		return "ask for less at a time, or raise the limit of the envelope layer"
	case e.Status >= 200 && e.Status < 300 && e.isDocument:
		return "the API may have changed: look for a newer version of this module"
	}
	return checkURL
}

const checkURL = "check that the API URL points to the API itself"

// adviceFor says what to do about an error status that came without a document of
// the API's, and so perhaps from a gateway.
func adviceFor(status int) string {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return "the request is too large for a gateway: send smaller payloads, or fewer items"
	case http.StatusProxyAuthRequired:
		return "check the proxy and its credentials"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "a gateway refused the call: check what it allows, and the API URL"
	case http.StatusBadRequest, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		return "a gateway refused the request: its headers or its URL may be too long, or the API URL wrong"
	case http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return "a gateway answered in the API's place: try again later"
	}
	if status >= 500 {
		return "try again later"
	}
	return checkURL
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
		RetryAfter: ParseRetryAfter(h), RequestID: requestID(h),
		isPacked: contentEncoding(h) != "", isDocument: isDocument(h, body), snippet: &snippet,
	}
}

// NewElsewhereError returns the [ContractError] for a response that came from
// another URL than the request was sent to, or to another request to the same URL:
// the base transport followed a redirect, or rewrites requests. Who got the request
// is not known to be the API.
func NewElsewhereError(status int, sent, got *url.URL) *ContractError {
	problem := fmt.Sprintf("the request was sent to %s, and the response came from %s", shownURL(sent), shownURL(got))
	if shownURL(sent) == shownURL(got) {
		problem = fmt.Sprintf("the response is to another request to %s than the one that was sent", shownURL(sent))
	}
	return &ContractError{Status: status, Problem: problem, elsewhere: true}
}
