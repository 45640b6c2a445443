package errs

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Document is the part of an answer's JSON document that tells success from
// error. The API's errors look like
//
//	{"status":"error","code":"validation_errors","message":"…","errors":{…}}
type Document struct {
	Status       string         `json:"status"`         // "success" or "error"
	Code         string         `json:"code"`           // such as "invalid_action"
	Message      string         `json:"message"`        // for people
	Errors       jsontext.Value `json:"errors"`         // complaints by field, in any of several shapes
	RetryAfterMS jsontext.Value `json:"retry_after_ms"` // wait asked for, in milliseconds
}

// lenient is how answers are read: duplicate names and invalid UTF-8 are the
// server's affair and no reason to lose an answer.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// looseDocument takes members of any type, so that an odd one costs no more
// than itself.
type looseDocument struct {
	Status       jsontext.Value `json:"status"`
	Code         jsontext.Value `json:"code"`
	Message      jsontext.Value `json:"message"`
	Errors       jsontext.Value `json:"errors"`
	RetryAfterMS jsontext.Value `json:"retry_after_ms"`
}

// ParseDocument reads the part of a JSON document that tells success from error.
// Members of an unexpected type are left empty; the error is set only if body
// isn't a JSON object.
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

// FromResponse returns the error that an answer stands for: nil for a 2xx
// whose document doesn't say "error". A 3xx is a [ContractError] that names the
// redirect's target without its query and userinfo, for no redirect is
// followed. The bytes may have any content type; an error status whose body is
// neither empty nor a JSON object gives a [ContractError] around the kind of
// that status.
func FromResponse(status int, h http.Header, body []byte) error {
	switch {
	case status >= 200 && status < 300:
		if d, err := ParseDocument(body); err == nil && d.Status == "error" {
			return fromDocument(status, h, d)
		}
		return nil
	case status < 400:
		problem := "that is no answer of the API"
		if h.Get("Location") != "" {
			problem = "the API does not redirect" + location(h)
		}
		return NewContractError(status, h, problem, body, nil)
	case len(body) == 0:
		return fromDocument(status, h, Document{})
	}
	d, err := ParseDocument(body)
	if err != nil {
		problem := "its body is " + contentType(h) + " and no JSON document"
		return NewContractError(status, h, problem, body, fromDocument(status, h, Document{}))
	}
	return fromDocument(status, h, d)
}

// FromDocument returns the error that a document stands for: nil unless it says
// "error". Status is that of the answer around it; 0, as for an item of a bulk
// answer, makes the code decide the kind.
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

// statusOf returns the HTTP status that the API gives a code elsewhere; 0 for
// a code that it doesn't know.
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

// location names the target of a redirect without what may be secret in it.
func location(h http.Header) string {
	target, err := url.Parse(h.Get("Location"))
	if err != nil || target.Opaque != "" || *target == (url.URL{}) {
		return ""
	}
	shown := url.URL{Scheme: target.Scheme, Host: target.Host, Path: target.Path}
	return " (to " + Words(shown.String()) + ")"
}

// contentType names the type of an answer's body.
func contentType(h http.Header) string {
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	if media = Words(media); media == "" {
		return "of no stated type"
	}
	return media
}
