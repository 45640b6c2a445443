package spans

import (
	"context"
	"net/http"

	"github.com/prefactordev/prefactor-go/transport"
)

// Service has the operations on spans. It is safe for concurrent use, and one is
// enough for an application's life.
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

var (
	create = transport.NewDetailsOp[Span]("agent_spans.create", http.MethodPost, "/agent_spans")
	finish = transport.NewDetailsOp[Span]("agent_spans.finish", http.MethodPost, "/agent_spans/{id}/finish")
)

// Create creates a span, which may have ended already. The Control of the span that
// it returns says whether the server asks the run to stop.
func (s *Service) Create(ctx context.Context, params CreateParams, options ...transport.Option) (*Span, error) {
	return create.Do(ctx, s.via(), transport.Input{Body: &createBody{params.WithDefaults()}}, options...)
}

// Finish ends a span. If the span has already ended, or its status doesn't allow
// this end, the error is an [errs.ConflictError].
func (s *Service) Finish(ctx context.Context, id string, params FinishParams, options ...transport.Option) (*Span, error) {
	return finish.Do(ctx, s.via(), transport.Input{Values: []string{id}, Body: params.WithDefaults()}, options...)
}
