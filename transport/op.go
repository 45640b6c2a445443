package transport

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
)

// Op is one operation of the API, whose answer's document is a T. It is made
// once, as a package-level variable, and is safe for concurrent use:
//
//	var ping = transport.NewOp[struct{}]("ping", http.MethodGet, "/ping")
//
// T is a struct with a field for each member of the document that matters;
// whether "status" says "error" is looked at by the Op itself. A fresh T is made
// for each answer. If *T is a [Checker], it must accept the document.
type Op[T any] struct{ operation }

// Checker is a document's T that can tell whether the document is whole. Check
// gets the document's bytes, which it may keep but not change; its error makes
// the answer an [errs.ContractError]. As Check decides what must be there, a
// member of an unexpected type is no error in itself: it is left zero.
type Checker interface {
	Check(document jsontext.Value) error
}

// Validator is an input that can tell what is wrong with it. Its error, as a
// rule an [errs.ClientError], fails the call before anything is sent.
type Validator interface{ Validate() error }

// operation is what layers and Client know of an Op.
type operation struct {
	name, method, route string

	replayable bool // a replay does no harm, even without a key
	headerKey  bool // the key travels in the header only
	emptyOK    bool // a success may have no body

	decode func(body []byte) (any, error)
}

// OpOption sets a property of an [Op].
type OpOption func(*operation)

// Replayable says that the operation may be sent more than once even without an
// idempotency key. Operations with a safe method, such as GET, always are.
func Replayable() OpOption { return func(o *operation) { o.replayable = true } }

// HeaderKey says that the idempotency key travels in the Idempotency-Key header
// only, not in the body. DELETE always does so.
func HeaderKey() OpOption { return func(o *operation) { o.headerKey = true } }

// EmptyOK says that a success without a body is fine: its document is a zero T.
// Without this option it is an [errs.ContractError].
func EmptyOK() OpOption { return func(o *operation) { o.emptyOK = true } }

// NewOp returns an operation. Name is what errors, logs and metrics call it,
// such as "agent_spans.finish"; route is its path below /api/v1, in which each
// segment in braces stands for a path value: "/agent_spans/{id}/finish".
func NewOp[T any](name, method, route string, options ...OpOption) *Op[T] {
	op := newOperation(name, method, route)
	op.decode = decodeDocument[T]
	for _, set := range options {
		set(&op)
	}
	return &Op[T]{op}
}

func newOperation(name, method, route string) operation {
	return operation{
		name: name, method: method, route: route,
		replayable: SafeMethod(method),
		headerKey:  method == http.MethodDelete,
	}
}

// SafeMethod reports whether a method is safe by RFC 9110, section 9.2.1, as ""
// is, which stands for GET: such requests change nothing, and so have no
// idempotency key.
func SafeMethod(method string) bool {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// Name returns the operation's name.
func (o *Op[T]) Name() string { return o.name }

// Input is what one call of an [Op] sends.
type Input struct {
	Values []string   // the route's path values, in order; escaped when sent
	Query  url.Values // the query; may be nil
	Body   any        // encoded as the JSON body, after its check if it is a Validator; nil for no body
}

// Do sends one call of the operation through client, and returns the answer's
// document. Every error is an [*errs.Error].
func (o *Op[T]) Do(ctx context.Context, client *Client, in Input, options ...Option) (*T, error) {
	answer, err := client.do(ctx, &o.operation, in, options)
	if err != nil {
		return nil, err
	}
	if len(answer.body) == 0 {
		return new(T), nil // where that is fine
	}
	return answer.value.(*T), nil
}

// path fills the route's path values in. It returns the path as it is and as
// it is escaped.
func (o *operation) path(values []string) (plain, escaped string, err error) {
	if len(values) == 0 && !strings.Contains(o.route, "{") {
		return o.route, (&url.URL{Path: o.route}).EscapedPath(), nil
	}
	var plainPath, escapedPath strings.Builder
	rest, next := o.route, 0
	for {
		before, after, found := strings.Cut(rest, "{")
		plainPath.WriteString(before)
		escapedPath.WriteString((&url.URL{Path: before}).EscapedPath())
		if !found {
			break
		}
		name, after, _ := strings.Cut(after, "}")
		if next == len(values) {
			return "", "", &errs.ClientError{Field: name, Problem: "is missing: the route " + o.route + " needs it"}
		}
		switch value := values[next]; value {
		case "":
			return "", "", &errs.ClientError{Field: name, Problem: "is empty"}
		case ".", "..":
			return "", "", &errs.ClientError{Field: name, Problem: "must not be " + value + ", which leads to another path"}
		default:
			plainPath.WriteString(value)
			escapedPath.WriteString(url.PathEscape(value))
		}
		rest = after
		next++
	}
	if next < len(values) {
		return "", "", &errs.ClientError{Field: "path values", Problem: "are more than the route " + o.route + " has"}
	}
	return plainPath.String(), escapedPath.String(), nil
}

// decodeDocument decodes a 2xx body into a fresh *T. A document that says
// "error" is that error; it is looked at again only if it may.
func decodeDocument[T any](body []byte) (any, error) {
	document := new(T)
	checker, checked := any(document).(Checker)
	var err error
	if checked {
		err = unmarshalLoosely(body, document)
	} else {
		err = json.Unmarshal(body, document, Lenient)
	}
	if err != nil {
		return nil, err
	}
	if bytes.Contains(body, []byte(`"error"`)) && errs.FromResponse(http.StatusOK, nil, body) != nil {
		return nil, errSaysError
	}
	if checked {
		if err := checker.Check(body); err != nil {
			return nil, err
		}
	}
	return document, nil
}

// DecodeDocument decodes the document of a success as an [Op] of T does: for a
// document that came in another way, such as in a bulk answer. It returns the
// error that a document stands for which says "error", and an
// [errs.ContractError] for one that isn't a T's.
func DecodeDocument[T any](document jsontext.Value) (*T, error) {
	value, err := decodeDocument[T](document)
	if err != nil {
		return nil, undecodable(http.StatusOK, nil, document, err)
	}
	return value.(*T), nil
}

// DocumentUnmarshaler is a model that can be had from the whole document of an
// answer, envelope included.
type DocumentUnmarshaler interface {
	UnmarshalDocument(document jsontext.Value) error
}

// Lenient is how answers are decoded: duplicate names and invalid UTF-8 are no
// reason to lose an answer.
var Lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
