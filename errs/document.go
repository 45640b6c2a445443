package errs

import (
	"net/http"
	"net/url"
	"strings"

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
// error. It leaves members of an unexpected type empty, and returns an error
// only if body isn't a JSON object.
func ParseDocument(body []byte) (Document, error) {
	var loose looseDocument
	if err := json.Unmarshal(body, &loose, lenient); err != nil {
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
//
// The body's content type doesn't matter.
func FromResponse(status int, h http.Header, body []byte) error {
	switch {
	case status >= 200 && status < 300:
		if d, err := ParseDocument(body); err == nil && d.Status == "error" {
			return fromDocument(status, h, d)
		}
		return nil
	case status < 400:
		problem := "the API does not use this status"
		if h.Get("Location") != "" {
			problem = "the API does not redirect" + location(h)
		}
		return NewContractError(status, h, problem, body, nil)
	case len(body) == 0:
		return fromDocument(status, h, Document{})
	}
	d, err := ParseDocument(body)
	if err != nil {
		problem := "its body is not a JSON document (" + contentType(h) + ")"
		return NewContractError(status, h, problem, body, fromDocument(status, h, Document{}))
	}
	return fromDocument(status, h, d)
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
	api := &APIError{
		Status:     status,
		Code:       d.Code,
		Message:    d.Message,
		RequestID:  h.Get("X-Request-Id"),
		Fields:     flatten(d.Errors),
		foreign:    d.Status != "error",
		RetryAfter: max(ParseRetryAfter(h), parseMilliseconds(d.RetryAfterMS)),
	}
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
	shown := url.URL{Scheme: target.Scheme, Host: target.Host, Path: target.Path}
	return " (to " + Words(shown.String()) + ")"
}

// contentType describes the Content-Type of a response.
func contentType(h http.Header) string {
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	if media = Words(media); media == "" {
		return "no Content-Type"
	}
	return "Content-Type: " + media
}
