package transport

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// Op is one operation of the API, whose response is decoded into a T. Make it
// once, as a package-level variable; it is safe for concurrent use:
//
//	var ping = transport.NewOp[struct{}]("ping", http.MethodGet, "/ping")
type Op[T any] struct{ operation }

// operation is what layers and Client know of an Op.
type operation struct {
	name, method string
	route        route

	replayable bool // a replay does no harm, even without a key
	headerKey  bool // the key travels in the header only
	foreign    bool // the body is the caller's own, and may hold a key
	emptyOK    bool // a success may have no body

	refusal error // why no call of it can be sent
	decode  func(body []byte) (any, error)
}

// OpOption sets a property of an [Op].
type OpOption func(*operation)

// Replayable says that the operation may be sent more than once even without an
// idempotency key. Operations with a safe method, such as GET, always may.
func Replayable() OpOption { return func(o *operation) { o.replayable = true } }

// HeaderKey says that the idempotency key travels in the Idempotency-Key header
// only, not in the body. DELETE always does so.
func HeaderKey() OpOption { return func(o *operation) { o.headerKey = true } }

// EmptyResponse says that a success may have no body. The T is zero then.
func EmptyResponse() OpOption { return func(o *operation) { o.emptyOK = true } }

// NewOp returns an operation whose response is one JSON document, a T: a struct
// with a field for each member that matters. The document's "status" is checked
// by the Op itself. A new T is made for each response. If *T is a [Checker], it
// must accept the document.
//
// name is what errors, logs and metrics call the operation, such as
// "agent_spans.finish". route is its path below /api/v1, where each segment in
// braces is a path value: "/agent_spans/{id}/finish". An empty name, a route that
// doesn't begin with a slash and a nil option are an [errs.ClientError] of each call.
func NewOp[T any](name, method, route string, options ...OpOption) *Op[T] {
	op := newOperation(name, method, route)
	op.decode = decodeDocument[T]
	for i, set := range options {
		if set == nil {
			op.refusal = cmp.Or(op.refusal, nilOption("operation option", i))
			continue
		}
		set(&op)
	}
	return &Op[T]{op}
}

// NewDetailsOp is [NewOp] for an operation whose document has one record, a T,
// under "details". If *T is a [Checker], it must accept the whole document.
func NewDetailsOp[T any](name, method, route string, options ...OpOption) *Op[T] {
	op := NewOp[T](name, method, route, options...)
	op.decode = func(body []byte) (any, error) { return decodeDetails[T](body) }
	return op
}

// check finds an operation of which no call can be sent.
func (o *operation) check() error {
	if o.refusal == nil && o.decode == nil {
		return &errs.ClientError{Field: "operation", Problem: "is nil or empty: make it with transport.NewOp or transport.NewDetailsOp"}
	}
	return o.refusal
}

func newOperation(name, method, route string) operation {
	return operation{
		name: name, method: method, route: newRoute(route),
		replayable: safeMethod(method),
		headerKey:  method == http.MethodDelete,
		refusal:    checkNames(name, route),
	}
}

func checkNames(name, route string) error {
	switch {
	case name == "":
		return &errs.ClientError{Field: "operation name", Problem: "is empty: give one, such as agent_spans.finish"}
	case !strings.HasPrefix(route, "/"):
		return &errs.ClientError{Field: "operation route", Problem: "must begin with a slash: give the path below /api/v1"}
	}
	return nil
}

// safeMethod reports whether method is safe (RFC 9110, section 9.2.1). The empty
// method means GET. Safe requests carry no idempotency key.
func safeMethod(method string) bool {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// Name returns the operation's name; "" for a nil Op.
func (o *Op[T]) Name() string {
	if o == nil {
		return ""
	}
	return o.name
}

// Input is what one call of an [Op] sends.
type Input struct {
	Values []string   // the route's path values, in order; escaped when sent
	Query  url.Values // the query; may be nil
	Body   any        // encoded as [Request.Body] is, after its check if it is a Validator, or by itself if it is an Encoder; nil for no body
	Check  Validator  // what else is checked before anything is sent, such as the params of Query; may be nil
}

// Validator is an input that can check itself. Its error, usually an
// [errs.ClientError], fails the call before anything is sent.
type Validator interface{ Validate() error }

// Encoder is an input that encodes itself, such as one that is put together from JSON
// text. What EncodeBody returns is sent as it is, without a copy; it must be a JSON
// object that isn't changed any more. Its error fails the call before anything is
// sent.
type Encoder interface {
	EncodeBody() (jsontext.Value, error)
}

// Checker is a model that can check whether the document that it was decoded
// from is complete. Check gets the document's bytes, which it may keep but not
// change; its error makes the response an [errs.ContractError]. Because Check
// decides what must be there, a member of an unexpected type is no error in
// itself: it is left zero.
type Checker interface {
	Check(document jsontext.Value) error
}

// Do sends one call of the operation through client and returns the response's
// T. Every error is an [*errs.Error].
func (o *Op[T]) Do(ctx context.Context, client *Client, in Input, options ...Option) (*T, error) {
	if o == nil {
		o = new(Op[T]) // which is refused, too
	}
	answer, err := client.do(ctx, &o.operation, in, options)
	if err != nil {
		return nil, err
	}
	if answer.value == nil { // an empty response
		return new(T), nil
	}
	return answer.value.(*T), nil
}

// Fail returns err as the error of a call of the operation that sent nothing, an
// [*errs.Error]: for methods around an operation, such as one that waits between
// calls. A nil err gives nil.
func (o *Op[T]) Fail(err error) error {
	if err == nil {
		return nil
	}
	if o == nil {
		o = new(Op[T])
	}
	_, err = (&Call{op: &o.operation, started: time.Now()}).end(context.Background(), nil, err)
	return err
}

var (
	errSaysError = errors.New("the document says error")
	errNoDetails = errors.New("its document has no details")
)

// decodeDocument decodes a 2xx body into a new *T.
func decodeDocument[T any](body []byte) (any, error) {
	document := new(T)
	if err := decodeInto(document, body, isChecker[T]()); err != nil {
		return nil, err
	}
	return document, check(document, body)
}

// decodeDetails decodes the record of a 2xx body.
func decodeDetails[T any](body []byte) (*T, error) {
	var document struct {
		Details last[T] `json:"details"`
	}
	if err := decodeInto(&document, body, isChecker[T]()); err != nil {
		return nil, err
	}
	record := document.Details.value
	if record == nil {
		return nil, errNoDetails
	}
	return record, check(record, body)
}

// last is a member of a document. Of several with its name the last counts, alone:
// by the rules of encoding/json they would be merged.
type last[T any] struct{ value *T }

func (l *last[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	l.value = nil
	return json.UnmarshalDecode(dec, &l.value)
}

// decodeInto decodes a 2xx body. A document that says "error" is errSaysError.
func decodeInto(document any, body []byte, loosely bool) error {
	var err error
	if loosely {
		err = rawjson.Decode(body, document)
	} else {
		err = json.Unmarshal(body, document, rawjson.Lenient)
	}
	if err == nil && saysError(body) {
		return errSaysError
	}
	return err
}

func isChecker[T any]() bool {
	_, ok := any((*T)(nil)).(Checker)
	return ok
}

// check has a model check the document that it was decoded from.
func check(model any, body []byte) error {
	if checker, ok := model.(Checker); ok {
		return checker.Check(body)
	}
	return nil
}

// saysError reports whether a document's status is "error". The document is
// parsed only if it may be.
func saysError(body []byte) bool {
	if !bytes.Contains(body, []byte(`"error"`)) {
		return false
	}
	d, err := errs.ParseDocument(body)
	return err == nil && d.Status == "error"
}

// DecodeDetails decodes the record under "details" as an operation of
// [NewDetailsOp] does: for a document that came in another way, such as in a
// bulk response. If the document's status is "error", it returns that error; if
// the document holds no T, an [errs.ContractError].
func DecodeDetails[T any](document jsontext.Value) (*T, error) {
	record, err := decodeDetails[T](document)
	if err != nil {
		return nil, errs.FromBody(http.StatusOK, nil, document, err)
	}
	return record, nil
}
