package instances

import (
	"context"
	"net/http"

	"github.com/prefactordev/prefactor-go/transport"
)

// Service has the operations on instances. It is safe for concurrent use; one
// serves for an application's life.
type Service struct {
	client *transport.Client
}

// New returns a Service that sends through client.
func New(client *transport.Client) *Service { return &Service{client} }

var (
	register = transport.NewDetailsOp[Instance]("agent_instances.register", http.MethodPost, "/agent_instance/register")
	start    = transport.NewDetailsOp[Instance]("agent_instances.start", http.MethodPost, "/agent_instance/{id}/start")
	finish   = transport.NewDetailsOp[Instance]("agent_instances.finish", http.MethodPost, "/agent_instance/{id}/finish")
	get      = transport.NewDetailsOp[Instance]("agent_instances.get", http.MethodGet, "/agent_instance/{id}")
)

// Register makes a new instance, which is pending until it is started. The
// agent's version and schema version are found, or made if they are new.
func (s *Service) Register(ctx context.Context, params RegisterParams, options ...transport.Option) (*Instance, error) {
	return register.Do(ctx, s.client, transport.Input{Body: params.WithDefaults()}, options...)
}

// Start makes a pending instance active. An instance that isn't pending is an
// [errs.ConflictError].
func (s *Service) Start(ctx context.Context, id string, params StartParams, options ...transport.Option) (*Instance, error) {
	return start.Do(ctx, s.client, transport.Input{Values: []string{id}, Body: params}, options...)
}

// Finish ends an instance. An instance that has ended before is an
// [errs.ConflictError].
func (s *Service) Finish(ctx context.Context, id string, params FinishParams, options ...transport.Option) (*Instance, error) {
	return finish.Do(ctx, s.client, transport.Input{Values: []string{id}, Body: params}, options...)
}

// Get returns an instance as it is now. One that doesn't exist, or that the token
// may not read, is an [errs.NotFoundError].
//
// [errs.NotFoundError]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/errs#NotFoundError
//
// [errs.ConflictError]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/errs#ConflictError
func (s *Service) Get(ctx context.Context, id string, options ...transport.Option) (*Instance, error) {
	return get.Do(ctx, s.client, transport.Input{Values: []string{id}}, options...)
}
