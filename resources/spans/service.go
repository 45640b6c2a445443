package spans

import (
	"context"
	"net/http"

	"github.com/prefactordev/prefactor-go/transport"
)

// Service has the operations on spans. It is safe for concurrent use; one
// serves for an application's life.
type Service struct {
	client *transport.Client
}

// New returns a Service that sends through client.
func New(client *transport.Client) *Service { return &Service{client} }

var (
	create = transport.NewOp[answer]("agent_spans.create", http.MethodPost, "/agent_spans")
	finish = transport.NewOp[answer]("agent_spans.finish", http.MethodPost, "/agent_spans/{id}/finish")
)

// Create makes a new span, running or already at its end. The span's Control
// tells if the server asks for the run's end.
func (s *Service) Create(ctx context.Context, params CreateParams, options ...transport.Option) (*Span, error) {
	return s.do(ctx, create, transport.Input{Body: createBody{params.WithDefaults()}}, options)
}

// Finish ends a span. A span that can't end so, because it has ended before or
// has another status, is an [errs.ConflictError].
func (s *Service) Finish(ctx context.Context, id string, params FinishParams, options ...transport.Option) (*Span, error) {
	return s.do(ctx, finish, transport.Input{Values: []string{id}, Body: params.WithDefaults()}, options)
}

// do sends a call that is answered with one span.
func (s *Service) do(ctx context.Context, op *transport.Op[answer], in transport.Input, options []transport.Option) (*Span, error) {
	a, err := op.Do(ctx, s.client, in, options...)
	if err != nil {
		return nil, err
	}
	return a.Details, nil
}
