package agents

import (
	"context"
	"iter"
	"net/http"

	"github.com/prefactordev/prefactor-go/resources/list"
	"github.com/prefactordev/prefactor-go/transport"
)

// Service has the operations on agents. It is safe for concurrent use, and one is
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
	create    = transport.NewDetailsOp[Agent]("agents.create", http.MethodPost, "/agent")
	get       = transport.NewDetailsOp[Agent]("agents.get", http.MethodGet, "/agent/{id}")
	show      = transport.NewDetailsOp[Agent]("agents.show", http.MethodGet, "/agent/show")
	update    = transport.NewDetailsOp[Agent]("agents.update", http.MethodPut, "/agent/{id}")
	listAll   = list.NewOp[Agent]("agents.list", "/agent")
	retire    = transport.NewDetailsOp[Agent]("agents.retire", http.MethodPost, "/agent/{id}/retire")
	reinstate = transport.NewDetailsOp[Agent]("agents.reinstate", http.MethodPost, "/agent/{id}/reinstate")
	remove    = transport.NewOp[struct{}]("agents.delete", http.MethodDelete, "/agent/{id}", transport.EmptyResponse())
)

// Create creates an agent.
func (s *Service) Create(ctx context.Context, params CreateParams, options ...transport.Option) (*Agent, error) {
	return create.Do(ctx, s.via(), transport.Input{Body: createBody{params}}, options...)
}

// Get returns an agent by its id. If it doesn't exist, or not for this token, the
// error is an [errs.NotFoundError].
func (s *Service) Get(ctx context.Context, id string, options ...transport.Option) (*Agent, error) {
	return get.Do(ctx, s.via(), transport.Input{Values: []string{id}}, options...)
}

// Show returns an agent by its id or by your own id for it, with what params include.
func (s *Service) Show(ctx context.Context, params ShowParams, options ...transport.Option) (*Agent, error) {
	return show.Do(ctx, s.via(), transport.Input{Query: params.query(), Check: params}, options...)
}

// Update changes the fields of an agent that params set.
func (s *Service) Update(ctx context.Context, id string, params UpdateParams, options ...transport.Option) (*Agent, error) {
	return update.Do(ctx, s.via(), transport.Input{Values: []string{id}, Body: updateBody{params}}, options...)
}

// List returns one page of the agents.
func (s *Service) List(ctx context.Context, params ListParams, options ...transport.Option) (*list.Page[Agent], error) {
	return listAll.Page(ctx, s.via(), params.Params, params.query(), options...)
}

// All returns all agents from params.Offset on, as [list.Op.All] does.
func (s *Service) All(ctx context.Context, params ListParams, options ...transport.Option) iter.Seq2[*Agent, error] {
	return listAll.All(ctx, s.via(), params.Params, params.query(), options...)
}

// Retire takes an agent out of use. If its status doesn't allow this, the error is
// an [errs.ConflictError].
func (s *Service) Retire(ctx context.Context, id string, options ...transport.Option) (*Agent, error) {
	return retire.Do(ctx, s.via(), transport.Input{Values: []string{id}, Body: struct{}{}}, options...)
}

// Reinstate takes a retired agent back into use. If it isn't retired, the error is an
// [errs.ConflictError].
func (s *Service) Reinstate(ctx context.Context, id string, options ...transport.Option) (*Agent, error) {
	return reinstate.Do(ctx, s.via(), transport.Input{Values: []string{id}, Body: struct{}{}}, options...)
}

// Delete deletes an agent.
func (s *Service) Delete(ctx context.Context, id string, options ...transport.Option) error {
	_, err := remove.Do(ctx, s.via(), transport.Input{Values: []string{id}}, options...)
	return err
}
