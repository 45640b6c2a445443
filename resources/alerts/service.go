package alerts

import (
	"context"
	"errors"
	"iter"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/resources/list"
	"github.com/prefactordev/prefactor-go/transport"
)

// Service has the operations on alerts. It is safe for concurrent use, and one is
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
	raise    = transport.NewDetailsOp[Alert]("alerts.raise", http.MethodPost, "/alerts/raise")
	clearOne = transport.NewDetailsOp[Alert]("alerts.clear", http.MethodPost, "/alerts/clear")
	get      = transport.NewDetailsOp[Alert]("alerts.get", http.MethodGet, "/alerts/{id}")
	listAll  = list.NewOp[Alert]("alerts.list", "/alerts")
	count    = transport.NewOp[counted]("alerts.count", http.MethodGet, "/alerts/count")
)

// Raise raises an alert. If its run has one of this name, that is changed.
func (s *Service) Raise(ctx context.Context, params RaiseParams, options ...transport.Option) (*Alert, error) {
	return raise.Do(ctx, s.via(), transport.Input{Body: params.WithDefaults()}, options...)
}

// Clear ends an alert. If its run has none of this name that is raised, the error is
// an [errs.NotFoundError] or an [errs.ConflictError].
func (s *Service) Clear(ctx context.Context, params ClearParams, options ...transport.Option) (*Alert, error) {
	return clearOne.Do(ctx, s.via(), transport.Input{Body: params.WithDefaults()}, options...)
}

// Get returns an alert by its id.
func (s *Service) Get(ctx context.Context, id string, options ...transport.Option) (*Alert, error) {
	return get.Do(ctx, s.via(), transport.Input{Values: []string{id}}, options...)
}

// List returns one page of the alerts.
func (s *Service) List(ctx context.Context, params ListParams, options ...transport.Option) (*list.Page[Alert], error) {
	return listAll.Page(ctx, s.via(), params.Params, params.query(), options...)
}

// All returns all alerts from params.Offset on, as [list.Op.All] does.
func (s *Service) All(ctx context.Context, params ListParams, options ...transport.Option) iter.Seq2[*Alert, error] {
	return listAll.All(ctx, s.via(), params.Params, params.query(), options...)
}

// Count returns the number of alerts.
func (s *Service) Count(ctx context.Context, params CountParams, options ...transport.Option) (int64, error) {
	found, err := count.Do(ctx, s.via(), transport.Input{Query: params.query()}, options...)
	if err != nil {
		return 0, err
	}
	return *found.Count, nil
}

// counted is the document of alerts.count.
type counted struct {
	Count *int64 `json:"count"`
}

// Check implements [transport.Checker].
func (c *counted) Check(jsontext.Value) error {
	if c.Count == nil {
		return errors.New("its document has no count")
	}
	return nil
}
