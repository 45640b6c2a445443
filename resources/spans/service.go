package spans

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/prefactordev/prefactor-go/resources/list"
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
	create           = transport.NewDetailsOp[Span]("agent_spans.create", http.MethodPost, "/agent_spans")
	finish           = transport.NewDetailsOp[Span]("agent_spans.finish", http.MethodPost, "/agent_spans/{id}/finish")
	get              = transport.NewDetailsOp[Span]("agent_spans.get", http.MethodGet, "/agent_spans/{id}")
	listAll          = list.NewOp[Span]("agent_spans.list", "/agent_spans")
	discardSensitive = transport.NewDetailsOp[Span]("agent_spans.discard_sensitive", http.MethodPost, "/agent_spans/{id}/discard_sensitive")
)

// Create creates a span, which may have ended already. The Control of the span that
// it returns says whether the server asks the run to stop.
func (s *Service) Create(ctx context.Context, params CreateParams, options ...transport.Option) (*Span, error) {
	return create.Do(ctx, s.via(), transport.Input{Body: &createBody{params.WithDefaults()}}, options...)
}

// Finish ends a span. If the span has already ended, or its status doesn't allow
// this end, the error is an [errs.ConflictError] for which [errs.InvalidAction] is
// true.
func (s *Service) Finish(ctx context.Context, id string, params FinishParams, options ...transport.Option) (*Span, error) {
	return finish.Do(ctx, s.via(), transport.Input{Values: []string{id}, Body: params.WithDefaults()}, options...)
}

// Get returns a span as it is now, with the values in its payloads that are marked as
// sensitive, which [Sensitive] reads. If the span doesn't exist, or not for this token,
// the error is an [errs.NotFoundError].
func (s *Service) Get(ctx context.Context, id string, options ...transport.Option) (*Span, error) {
	return get.Do(ctx, s.via(), transport.Input{Values: []string{id}}, options...)
}

// GetRedacted is [Service.Get] without the sensitive values.
func (s *Service) GetRedacted(ctx context.Context, id string, options ...transport.Option) (*Span, error) {
	return get.Do(ctx, s.via(), transport.Input{Values: []string{id}, Query: url.Values{"redacted": {"true"}}}, options...)
}

// List returns one page of the spans.
func (s *Service) List(ctx context.Context, params ListParams, options ...transport.Option) (*list.Page[Span], error) {
	return listAll.Page(ctx, s.via(), params.Params, params.query(), options...)
}

// All returns all spans from params.Offset on, as [list.Op.All] does.
func (s *Service) All(ctx context.Context, params ListParams, options ...transport.Option) iter.Seq2[*Span, error] {
	return listAll.All(ctx, s.via(), params.Params, params.query(), options...)
}

// DiscardSensitive removes the values in a span's payloads that are marked as
// sensitive. It can't be undone, and may be repeated.
func (s *Service) DiscardSensitive(ctx context.Context, id string, options ...transport.Option) (*Span, error) {
	return discardSensitive.Do(ctx, s.via(), transport.Input{Values: []string{id}, Body: struct{}{}}, options...)
}
