package errs

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// These match the kinds of error that the server reports, for [errors.Is].
var (
	ErrAuth        = errors.New("prefactor: not authorized")
	ErrNotFound    = errors.New("prefactor: not found")
	ErrValidation  = errors.New("prefactor: invalid input")
	ErrConflict    = errors.New("prefactor: conflict")
	ErrRateLimited = errors.New("prefactor: rate limited")
)

// APIError is an error that the server reported. It is used on its own for a
// status without a kind of its own, such as 500.
type APIError struct {
	Status    int     // HTTP status; 0 for an item of a bulk response, which has none
	Code      string  // the API's error code, such as "invalid_action"; may be empty
	Message   string  // the API's message; may be empty
	RequestID string  // the X-Request-Id header, if the response had one
	Fields    []Field // what is wrong with the fields, in the response's order

	// RetryAfter is how long the server asks to wait before the next attempt:
	// the Retry-After header or the document's retry_after_ms, whichever is
	// larger. 0 if it doesn't ask, or asks for no wait.
	RetryAfter time.Duration

	// foreign is set if the response held no error document of the API: a
	// gateway may have sent it in the API's place.
	foreign bool
}

// Field is one complaint about one input field.
type Field struct {
	Path    string // where, such as "details.payload" or "items[0].idempotency_key"
	Code    string // the API's code for it, such as "required"; may be empty
	Message string // what is wrong; may be empty
}

// String returns "path: message (code)", without the parts that are empty.
func (f Field) String() string {
	var b strings.Builder
	b.WriteString(Words(f.Path))
	if f.Message != "" {
		b.WriteString(": ")
		b.WriteString(Words(f.Message))
	}
	if f.Code != "" {
		fmt.Fprintf(&b, " (%s)", Words(f.Code))
	}
	return b.String()
}

// Error returns what the server reported and what to do about it.
func (e *APIError) Error() string {
	advice := ""
	switch {
	case e.Status >= 500:
		advice = "try again later"
	case e.Status >= 400 && e.foreign:
		advice = adviceFor(e.Status)
	}
	return e.text(advice)
}

func (e *APIError) text(advice string) string {
	if e == nil { // in a kind that was made by hand
		e = new(APIError)
	}
	var b strings.Builder
	b.WriteString("server answered")
	if e.Status != 0 {
		fmt.Fprintf(&b, " %d", e.Status)
	}
	switch {
	case e.Code != "":
		b.WriteString(" " + Words(e.Code))
	case e.Status == 0:
		b.WriteString(" with an error")
	case http.StatusText(e.Status) != "":
		b.WriteString(" " + http.StatusText(e.Status))
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", Words(e.Message))
	}
	if len(e.Fields) > 0 {
		fmt.Fprintf(&b, " [%s]", fieldList(e.Fields))
	}
	if advice != "" {
		b.WriteString("; " + advice)
	}
	return b.String()
}

// orNil returns e as an error, nil for a nil e.
func (e *APIError) orNil() error {
	if e == nil {
		return nil
	}
	return e
}

// shownFields is how many fields the text of an error shows.
const shownFields = 10

// fieldList returns the text of the first fields, and the number of the others.
func fieldList(fields []Field) string {
	var texts []string
	for _, f := range fields[:min(len(fields), shownFields)] {
		texts = append(texts, f.String())
	}
	if more := len(fields) - shownFields; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, ", ")
}

// AuthError is a 401 or a 403, or the failure to get a token.
type AuthError struct {
	// APIError is the server's error. The client always sets it; its Status
	// is 0 for an item of a bulk response, and if the token source failed
	// before a request was sent.
	*APIError

	// Cause is why the token source failed; nil if the server refused the
	// token.
	Cause error
}

func (e *AuthError) Error() string {
	if e.Cause == nil {
		return e.text("check that the token is valid and that its scope allows this operation (a token of deployment scope records runs; most else needs one of account scope)")
	}
	if !e.answered() {
		return fmt.Sprintf("no token: %s; fix the token source", textOf(e.Cause))
	}
	return e.text(fmt.Sprintf("no fresh token: %s; fix the token source", textOf(e.Cause)))
}

// Is reports whether target is [ErrAuth].
func (e *AuthError) Is(target error) bool { return target == ErrAuth }

// Unwrap returns the server's error, if a server was asked, and the token
// source's error, if it failed.
func (e *AuthError) Unwrap() []error {
	var all []error
	if e.answered() {
		all = append(all, e.APIError)
	}
	if e.Cause != nil {
		all = append(all, e.Cause)
	}
	return all
}

// answered reports whether a server was asked.
func (e *AuthError) answered() bool {
	return e.APIError != nil && (e.Status != 0 || e.Cause == nil)
}

// NotFoundError is a 404.
type NotFoundError struct{ *APIError }

func (e *NotFoundError) Error() string { return e.text("check the id and the API URL") }

// Is reports whether target is [ErrNotFound].
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// Unwrap returns the server's error.
func (e *NotFoundError) Unwrap() error { return e.APIError.orNil() }

// ValidationError is a 400 or 422: the server refused the input.
type ValidationError struct{ *APIError }

func (e *ValidationError) Error() string { return e.text("correct the input") }

// Is reports whether target is [ErrValidation].
func (e *ValidationError) Is(target error) bool { return target == ErrValidation }

// Unwrap returns the server's error.
func (e *ValidationError) Unwrap() error { return e.APIError.orNil() }

// ConflictError is a 409: the record is in a state that doesn't allow the
// operation, or the idempotency key was used for another call.
type ConflictError struct{ *APIError }

func (e *ConflictError) Error() string {
	if e.APIError != nil && e.Code == "conflict" {
		return e.text("give a call with another body a new idempotency key")
	}
	return e.text("read the record's current state before going on")
}

// Is reports whether target is [ErrConflict].
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// Unwrap returns the server's error.
func (e *ConflictError) Unwrap() error { return e.APIError.orNil() }

// RateLimitError is a 429. The server did not act on the call.
type RateLimitError struct{ *APIError }

func (e *RateLimitError) Error() string {
	if e.APIError != nil && e.RetryAfter > 0 {
		return e.text("send fewer requests, and repeat the call after " + e.RetryAfter.String())
	}
	return e.text("send fewer requests, and repeat the call later")
}

// Is reports whether target is [ErrRateLimited].
func (e *RateLimitError) Is(target error) bool { return target == ErrRateLimited }

// Unwrap returns the server's error.
func (e *RateLimitError) Unwrap() error { return e.APIError.orNil() }
