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
	create = transport.NewDetailsOp[Span]("agent_spans.create", http.MethodPost, "/agent_spans")
	finish = transport.NewDetailsOp[Span]("agent_spans.finish", http.MethodPost, "/agent_spans/{id}/finish")
)

// Create makes a new span, running or already at its end. The span's Control
// says whether the server asks the run to stop.
func (s *Service) Create(ctx context.Context, params CreateParams, options ...transport.Option) (*Span, error) {
	return create.Do(ctx, s.client, transport.Input{Body: &createBody{params.WithDefaults()}}, options...)
}

// Finish ends a span. A span that can't end so, because it has ended before or
// has another status, is an [errs.ConflictError].
func (s *Service) Finish(ctx context.Context, id string, params FinishParams, options ...transport.Option) (*Span, error) {
	return finish.Do(ctx, s.client, transport.Input{Values: []string{id}, Body: params.WithDefaults()}, options...)
}
