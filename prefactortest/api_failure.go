package prefactortest

import (
	"net/http"
	"strings"
)

// A failure is an error of the API.
type failure struct {
	status        int
	code, message string
	fields        []fieldError
}

// A fieldError is the error of the field at a path of the body.
type fieldError struct {
	path          []string
	code, message string
}

func notFound(message string) *failure {
	return &failure{status: http.StatusNotFound, code: "not_found", message: message}
}

func badRequest(message string) *failure {
	return &failure{status: http.StatusBadRequest, code: "bad_request", message: message}
}

func invalidAction(message string) *failure {
	return &failure{status: http.StatusConflict, code: "invalid_action", message: message}
}

func invalid(fields ...fieldError) *failure {
	return &failure{
		status:  http.StatusUnprocessableEntity,
		code:    "validation_errors",
		message: "The request has invalid fields",
		fields:  fields,
	}
}

func invalidValue(message string, path ...string) fieldError {
	return fieldError{path: path, code: "invalid_value", message: message}
}

func required(path ...string) fieldError {
	return fieldError{path: path, code: "required", message: path[len(path)-1] + " is required"}
}

// An errorDoc is the wire form of a failure, whole or of one field.
type errorDoc struct {
	Status  string         `json:"status"`
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Errors  map[string]any `json:"errors,omitempty"`
}

func (e *failure) doc() errorDoc {
	return errorDoc{Status: "error", Code: e.code, Message: e.message, Errors: nest(e.fields)}
}

// nest arranges field errors like the fields of the body. The error of an
// object hides those of its fields.
func nest(fields []fieldError) map[string]any {
	tree := make(map[string]any)
	for _, field := range fields {
		last := len(field.path) - 1
		node := tree
		for _, name := range field.path[:last] {
			node = within(node, name)
		}
		if node != nil {
			node[field.path[last]] = errorDoc{Status: "error", Code: field.code, Message: field.message}
		}
	}
	return tree
}

// within returns the errors of an object's fields, or nil if the object itself
// has one.
func within(node map[string]any, name string) map[string]any {
	if _, ok := node[name]; !ok {
		node[name] = make(map[string]any)
	}
	inner, _ := node[name].(map[string]any)
	return inner
}

// statusError returns the failure for a status alone.
func statusError(status int) *failure {
	text := http.StatusText(status)
	code := strings.ReplaceAll(strings.ToLower(text), " ", "_")
	switch status {
	case http.StatusUnauthorized:
		code = "bad_authtoken"
	case http.StatusConflict:
		code = "invalid_action"
	case http.StatusUnprocessableEntity:
		code = "validation_errors"
	}
	return &failure{status: status, code: code, message: text}
}
