package bulk

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// Service sends bulk requests. It is safe for concurrent use; one serves for an
// application's life.
type Service struct {
	client *transport.Client
}

// New returns a Service that sends through client.
func New(client *transport.Client) *Service { return &Service{client} }

// execute may be sent again without a key of its own: its items have theirs.
var execute = transport.NewOp[answer]("bulk.execute", http.MethodPost, "/bulk", transport.Replayable(), transport.HeaderKey())

// Request is many operations in one request.
type Request struct {
	Items []Item // carried out in this order; at least one, each with a key of its own
}

// Execute sends the request. Its error tells of the call as a whole: a request
// that was refused, an answer that didn't come. What became of each item stands
// in the Response; [Response.Err] tells whether any of them failed or was left
// over.
//
// An item that can't be sent is an [errs.ClientError] that names it, such as
// "items[2].agent_span_id"; nothing is sent then.
func (s *Service) Execute(ctx context.Context, request Request, options ...transport.Option) (*Response, error) {
	a, err := execute.Do(ctx, s.client, transport.Input{Body: &body{items: request.Items}}, options...)
	if err != nil {
		return nil, err
	}
	return a.response(request.Items), nil
}

// body is the body of bulk.execute.
type body struct {
	Items []jsontext.Value `json:"items"`

	items []Item
}

// Validate implements [transport.Validator]. It encodes the items, each once, so
// that an error can name its item.
func (b *body) Validate() error {
	if len(b.items) == 0 {
		return &errs.ClientError{Field: "items", Problem: "must hold at least one item"}
	}
	first := make(map[string]int, len(b.items))
	b.Items = make([]jsontext.Value, len(b.items))
	for n, item := range b.items {
		at := fmt.Sprintf("items[%d]", n)
		text, err := item.encode()
		if err != nil {
			return rawjson.Within(at, err)
		}
		if other, taken := first[item.Key]; taken {
			return &errs.ClientError{Field: at + ".idempotency_key", Problem: fmt.Sprintf("is that of items[%d] too: each item needs its own", other)}
		}
		first[item.Key] = n
		b.Items[n] = text
	}
	return nil
}
