package errs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Document is the part of a response's JSON document that separates success
// from error. The API's errors look like
//
//	{"status":"error","code":"validation_errors","message":"…","errors":{…}}
type Document struct {
	Status       string         `json:"status"`         // "success" or "error"
	Code         string         `json:"code"`           // such as "invalid_action"
	Message      string         `json:"message"`        // for people
	Errors       jsontext.Value `json:"errors"`         // complaints by field, in any of several shapes
	RetryAfterMS jsontext.Value `json:"retry_after_ms"` // wait asked for, in milliseconds
}

// lenient is how responses are decoded: a duplicate name or invalid UTF-8 is
// accepted, so that it does not cost the whole response.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// looseDocument takes members of any type, so that one of an unexpected type
// costs only itself.
type looseDocument struct {
	Status       jsontext.Value `json:"status"`
	Code         jsontext.Value `json:"code"`
	Message      jsontext.Value `json:"message"`
	Errors       jsontext.Value `json:"errors"`
	RetryAfterMS jsontext.Value `json:"retry_after_ms"`
}

// ParseDocument reads the part of a JSON document that separates success from
// error. It leaves members of an unexpected type empty, takes the last of several
// members of the same name, and returns an error only if body isn't a JSON object.
// A byte order mark in front of it is skipped.
func ParseDocument(body []byte) (Document, error) {
	var loose looseDocument
	if err := json.Unmarshal(TrimMark(body), &loose, lenient); err != nil {
		return Document{}, err
	}
	return Document{
		Status:       text(loose.Status),
		Code:         text(loose.Code),
		Message:      text(loose.Message),
		Errors:       loose.Errors,
		RetryAfterMS: loose.RetryAfterMS,
	}, nil
}

// TrimMark returns body without the byte order mark of UTF-8 that it may begin
// with, which is no part of a JSON document (RFC 8259, section 8.1).
func TrimMark(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\ufeff")) }

// text returns v as a string; "" if it isn't one.
func text(v jsontext.Value) string {
	if v.Kind() != '"' {
		return ""
	}
	var s string
	if json.Unmarshal(v, &s, lenient) != nil {
		return ""
	}
	return s
}

// FromResponse returns the error that a response reports.
//
//   - 2xx: nil, unless the document's status is "error".
//   - 1xx and 3xx: a [ContractError]. Redirects are never followed; the error
//     names the target without its query and userinfo.
//   - Other statuses: the kind for the status. If the body is neither empty nor
//     a JSON object, a [ContractError] around that kind.
//   - Any status: a [NetworkError], if the body is a JSON object that ends early:
//     it was cut on the way.
//
// The body's content type doesn't matter. However large the body is, the error
// holds at most 100 fields and 64 KiB of text, and no fields of complaints above
// 1 MiB.
func FromResponse(status int, h http.Header, body []byte) error {
	if status < 200 || status >= 300 && status < 400 {
		problem := "the API does not use this status"
		if h.Get("Location") != "" {
			problem = "the API does not redirect" + location(h)
		}
		return NewContractError(status, h, problem, body, nil)
	}
	success := status < 300
	if len(body) == 0 {
		if success {
			return nil
		}
		return fromDocument(status, h, Document{})
	}
	d, err := ParseDocument(body)
	switch {
	case endsEarly(body, err):
		return NewCutError(h, io.ErrUnexpectedEOF)
	case success && (err != nil || d.Status != "error"):
		return nil
	case err != nil:
		return newPageError(status, h, body, fromDocument(status, h, Document{}))
	}
	return fromDocument(status, h, d)
}

// FromBody returns the error for a 2xx response whose body could not be decoded,
// where err is the decoder's error: the error that the document reports; a
// [NetworkError], if the document ends early; otherwise a [ContractError].
func FromBody(status int, h http.Header, body []byte, err error) error {
	if server := FromResponse(status, h, body); server != nil {
		return server
	}
	problem := err.Error()
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if !isDocument(h, body) {
			return newPageError(status, h, body, err)
		}
		problem = fmt.Sprintf("its body is broken JSON at byte %d", syntax.ByteOffset)
	} else if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		problem = fmt.Sprintf("its document has an unexpected value at %q", string(semantic.JSONPointer))
	}
	return NewContractError(status, h, problem, body, err)
}

// endsEarly reports whether a JSON object that gave err ends before its closing
// brace.
func endsEarly(body []byte, err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) && beginsObject(body)
}

func beginsObject(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(TrimMark(body), " \t\r\n"), []byte("{"))
}

// FromDocument returns the error that a document reports, or nil if its status
// isn't "error". status is the HTTP status; pass 0 for an item of a bulk
// response, whose kind follows from its code.
func FromDocument(status int, d Document) error {
	if d.Status != "error" {
		return nil
	}
	return fromDocument(status, nil, d)
}

func fromDocument(status int, h http.Header, d Document) error {
	text := budget(maxText)
	api := &APIError{
		Status:     status,
		Code:       text.take(d.Code),
		Message:    text.take(d.Message),
		RequestID:  requestID(h),
		foreign:    d.Status != "error",
		RetryAfter: max(ParseRetryAfter(h), parseMilliseconds(d.RetryAfterMS)),
	}
	api.Fields = flatten(d.Errors, text)
	kind := status
	if status < 400 {
		kind = statusOf(d.Code)
	}
	switch kind {
	case http.StatusUnauthorized, http.StatusForbidden:
		return &AuthError{APIError: api}
	case http.StatusNotFound:
		return &NotFoundError{api}
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return &ValidationError{api}
	case http.StatusConflict:
		return &ConflictError{api}
	case http.StatusTooManyRequests:
		return &RateLimitError{api}
	}
	return api
}

// statusOf returns the HTTP status that the API otherwise sends with a code; 0
// for an unknown code.
func statusOf(code string) int {
	switch code {
	case "bad_authtoken", "unauthorized", "forbidden":
		return http.StatusUnauthorized
	case "not_found":
		return http.StatusNotFound
	case "bad_request", "validation_errors", "validation_error", "required", "invalid_value":
		return http.StatusUnprocessableEntity
	case "invalid_action", "conflict":
		return http.StatusConflict
	case "rate_limited", "too_many_requests":
		return http.StatusTooManyRequests
	}
	return 0
}

// location returns the target of a redirect, without what may be secret in it,
// as text for an error.
func location(h http.Header) string {
	target, err := url.Parse(h.Get("Location"))
	if err != nil || target.Opaque != "" || *target == (url.URL{}) {
		return ""
	}
	return " (to " + shownURL(target) + ")"
}

// requestID returns the X-Request-Id of a response, as text for an error.
func requestID(h http.Header) string { return Words(h.Get("X-Request-Id")) }
