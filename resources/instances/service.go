package instances

import (
	"context"
	"iter"
	"net/http"

	"github.com/prefactordev/prefactor-go/resources/list"
	"github.com/prefactordev/prefactor-go/transport"
)

// Service has the operations on instances. It is safe for concurrent use, and one is
// enough for an application's life.
type Service struct {
	client   *transport.Client
	adapters []string
}

// New returns a Service that sends through client. The adapters, entries such as
// "langchaingo@1.2.0", are part of the runtime environment of the instances that it
// registers.
func New(client *transport.Client, adapters ...string) *Service {
	return &Service{client, adapters}
}

// via returns the client; nil, with which every call fails, if there is none.
func (s *Service) via() *transport.Client {
	if s == nil {
		return nil
	}
	return s.client
}

var (
	register  = transport.NewDetailsOp[Instance]("agent_instances.register", http.MethodPost, "/agent_instance/register")
	start     = transport.NewDetailsOp[Instance]("agent_instances.start", http.MethodPost, "/agent_instance/{id}/start")
	finish    = transport.NewDetailsOp[Instance]("agent_instances.finish", http.MethodPost, "/agent_instance/{id}/finish")
	terminate = transport.NewDetailsOp[Instance]("agent_instances.terminate", http.MethodPost, "/agent_instance/{id}/terminate")
	get       = transport.NewDetailsOp[Instance]("agent_instances.get", http.MethodGet, "/agent_instance/{id}")
	show      = transport.NewDetailsOp[Instance]("agent_instances.show", http.MethodGet, "/agent_instance/show")
	listAll   = list.NewOp[Instance]("agent_instances.list", "/agent_instance")
)

// Register creates an instance, which is pending until it is started. The server
// creates the agent's version and schema version if it doesn't know them.
func (s *Service) Register(ctx context.Context, params RegisterParams, options ...transport.Option) (*Instance, error) {
	if version := params.AgentVersion; s != nil && version != nil && version.RuntimeEnvironment == nil {
		params.AgentVersion = new(*version)
		params.AgentVersion.RuntimeEnvironment = CurrentRuntime(s.adapters...)
	}
	return register.Do(ctx, s.via(), transport.Input{Body: params.WithDefaults()}, options...)
}

// Start makes a pending instance active. If the instance isn't pending, the error is
// an [errs.ConflictError] for which [errs.InvalidAction] is true.
func (s *Service) Start(ctx context.Context, id string, params StartParams, options ...transport.Option) (*Instance, error) {
	return start.Do(ctx, s.via(), transport.Input{Values: []string{id}, Body: params.WithDefaults()}, options...)
}

// Finish ends an instance. If the instance has already ended, or its status doesn't
// allow this end, the error is an [errs.ConflictError] for which
// [errs.InvalidAction] is true.
func (s *Service) Finish(ctx context.Context, id string, params FinishParams, options ...transport.Option) (*Instance, error) {
	return finish.Do(ctx, s.via(), transport.Input{Values: []string{id}, Body: params.WithDefaults()}, options...)
}

// Terminate stops an active run from outside: the run learns of it from the responses
// to its writes. It can't be undone. If the instance isn't active, the error is an
// [errs.ConflictError] for which [errs.InvalidAction] is true.
func (s *Service) Terminate(ctx context.Context, id string, params TerminateParams, options ...transport.Option) (*Instance, error) {
	return terminate.Do(ctx, s.via(), transport.Input{Values: []string{id}, Body: params.WithDefaults()}, options...)
}

// Get returns an instance as it is now. If the instance doesn't exist, or not for
// this token, the error is an [errs.NotFoundError].
func (s *Service) Get(ctx context.Context, id string, options ...transport.Option) (*Instance, error) {
	return get.Do(ctx, s.via(), transport.Input{Values: []string{id}}, options...)
}

// Show returns an instance by its id or by your own id for it, with what params
// include.
func (s *Service) Show(ctx context.Context, params ShowParams, options ...transport.Option) (*Instance, error) {
	return show.Do(ctx, s.via(), transport.Input{Query: params.query(), Check: params}, options...)
}

// List returns one page of the instances. Its rows have fewer fields than Get gives.
func (s *Service) List(ctx context.Context, params ListParams, options ...transport.Option) (*list.Page[Instance], error) {
	return listAll.Page(ctx, s.via(), params.Params, params.query(), options...)
}

// All returns all instances from params.Offset on, as [list.Op.All] does.
func (s *Service) All(ctx context.Context, params ListParams, options ...transport.Option) iter.Seq2[*Instance, error] {
	return listAll.All(ctx, s.via(), params.Params, params.query(), options...)
}
