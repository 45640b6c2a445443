package transport

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// Request is a call that no [Op] describes.
type Request struct {
	// Method is the HTTP method. Required.
	Method string

	// Path is the path below /api/v1, such as "/agent/{id}/retire". Each segment
	// in braces stands for one of Values; errors and layers see the path with the
	// braces, as the route. Required. A leading "/api/v1" is removed.
	Path string

	Values []string   // the path values, in order; escaped when sent
	Query  url.Values // the query; may be nil

	// Body is encoded as the JSON body; nil for no body. JSON text that exists
	// already is a jsontext.Value or a json.RawMessage. What encodes to a JSON
	// string, as a []byte or a string does, and an io.Reader are refused with an
	// [errs.ClientError].
	Body any
}

// Result is the response to a [Request].
type Result struct {
	Status   int            // HTTP status, 2xx
	Header   http.Header    // header of the response
	Document jsontext.Value // the JSON document as it came; nil if the body was empty
}

// Do sends a call that no [Op] describes. The operation's name is "request". The
// body may hold an idempotency key of its own, as its member idempotency_key.
// Every error is an [*errs.Error].
func (c *Client) Do(ctx context.Context, r Request, options ...Option) (*Result, error) {
	op := newOperation("request", r.Method, strings.TrimPrefix(r.Path, apiPath))
	op.refusal = r.check()
	op.foreign = true
	op.emptyOK = true
	op.decode = checkDocument
	answer, err := c.do(ctx, &op, Input{Values: r.Values, Query: r.Query, Body: r.Body}, options)
	if err != nil {
		return nil, err
	}
	return &Result{Status: answer.status, Header: answer.header, Document: answer.body}, nil
}

// check finds what can't be sent.
func (r Request) check() error {
	switch {
	case r.Method == "":
		return &errs.ClientError{Field: "Method", Problem: "is required"}
	case !strings.HasPrefix(r.Path, "/"):
		return &errs.ClientError{Field: "Path", Problem: "must begin with a slash"}
	case slices.ContainsFunc(strings.Split(r.Path, "/"), func(segment string) bool { return segment == "." || segment == ".." }):
		return &errs.ClientError{Field: "Path", Problem: "must not hold the segments . and .., which lead to another path"}
	case strings.ContainsAny(r.Path, "?#"):
		return &errs.ClientError{Field: "Path", Problem: "must not hold a query or fragment: give the query as Query"}
	}
	return nil
}

// checkDocument accepts any JSON document that doesn't say "error".
func checkDocument(body []byte) (any, error) {
	var whole jsontext.Value
	if err := json.Unmarshal(body, &whole, rawjson.Lenient); err != nil {
		return nil, err
	}
	if saysError(body) {
		return nil, errSaysError
	}
	return whole, nil
}
