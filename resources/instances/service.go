package instances

import (
	"context"
	"net/http"

	"github.com/prefactordev/prefactor-go/transport"
)

// Service has the operations on instances. It is safe for concurrent use, and one is
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
	register = transport.NewDetailsOp[Instance]("agent_instances.register", http.MethodPost, "/agent_instance/register")
	start    = transport.NewDetailsOp[Instance]("agent_instances.start", http.MethodPost, "/agent_instance/{id}/start")
	finish   = transport.NewDetailsOp[Instance]("agent_instances.finish", http.MethodPost, "/agent_instance/{id}/finish")
	get      = transport.NewDetailsOp[Instance]("agent_instances.get", http.MethodGet, "/agent_instance/{id}")
)

// Register creates an instance, which is pending until it is started. The server
// creates the agent's version and schema version if it doesn't know them.
func (s *Service) Register(ctx context.Context, params RegisterParams, options ...transport.Option) (*Instance, error) {
	return register.Do(ctx, s.via(), transport.Input{Body: params.WithDefaults()}, options...)
}

// Start makes a pending instance active. If the instance isn't pending, the error is
// an [errs.ConflictError].
func (s *Service) Start(ctx context.Context, id string, params StartParams, options ...transport.Option) (*Instance, error) {
	return start.Do(ctx, s.via(), transport.Input{Values: []string{id}, Body: params}, options...)
}

// Finish ends an instance. If the instance has already ended, or its status doesn't
// allow this end, the error is an [errs.ConflictError].
func (s *Service) Finish(ctx context.Context, id string, params FinishParams, options ...transport.Option) (*Instance, error) {
	return finish.Do(ctx, s.via(), transport.Input{Values: []string{id}, Body: params}, options...)
}

// Get returns an instance as it is now. If the instance doesn't exist, or not for
// this token, the error is an [errs.NotFoundError].
func (s *Service) Get(ctx context.Context, id string, options ...transport.Option) (*Instance, error) {
	return get.Do(ctx, s.via(), transport.Input{Values: []string{id}}, options...)
}
