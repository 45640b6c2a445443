package bulk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// Service sends bulk requests. It is safe for concurrent use, and one is enough for
// an application's life.
type Service struct {
	client *transport.Client
}

// New returns a Service that sends through client.
func New(client *transport.Client) *Service { return &Service{client} }

// via returns the client; nil, with which every call fails, if there is none.
func (s *Service) via() *transport.Client {
	if s == nil {
		return nil
	}
	return s.client
}

// execute may be repeated without a key of its own, because each item has one.
var execute = transport.NewOp[executed]("bulk.execute", http.MethodPost, "/bulk", transport.Replayable(), transport.HeaderKey())

// Request is a list of operations that are sent as one request.
type Request struct {
	Items []Item // executed in this order; at least one, each with a key of its own
}

// Execute sends the request. The error it returns is that of the whole call: the
// server refused the request, or no response arrived. The Response says what
// happened to each item; its [Response.Err] reports whether an item failed or was
// left unprocessed.
//
// If an item can't be sent, nothing is sent, and the error is an [errs.ClientError]
// that names the item's field, such as "items[2].agent_span_id".
func (s *Service) Execute(ctx context.Context, request Request, options ...transport.Option) (*Response, error) {
	document, err := execute.Do(ctx, s.via(), transport.Input{Body: body(request.Items)}, options...)
	if err != nil {
		return nil, err
	}
	return document.response(request.Items), nil
}

// body is the body of bulk.execute.
type body []Item

// EncodeBody implements [transport.Encoder]. Its error joins all that is wrong with
// the items.
func (items body) EncodeBody() (jsontext.Value, error) {
	if len(items) == 0 {
		return nil, &errs.ClientError{Field: "items", Problem: "must have at least one item"}
	}
	b := bytes.NewBufferString(`{"items":`)
	separator := byte('[')
	var wrong []error
	first := make(map[string]int, len(items))
	for n, item := range items {
		b.WriteByte(separator)
		separator = ','
		if err := item.encodeTo(b); err != nil {
			wrong = append(wrong, rawjson.Within(fmt.Sprintf("items[%d]", n), err))
		}
		if other, taken := first[item.Key]; taken {
			wrong = append(wrong, &errs.ClientError{Field: fmt.Sprintf("items[%d].idempotency_key", n), Problem: fmt.Sprintf("is also the key of items[%d]: each item needs its own", other)})
		}
		first[item.Key] = n
	}
	b.WriteString("]}")
	return b.Bytes(), errors.Join(wrong...)
}
