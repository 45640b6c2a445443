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
	register = transport.NewOp[answer]("agent_instances.register", http.MethodPost, "/agent_instance/register")
	start    = transport.NewOp[answer]("agent_instances.start", http.MethodPost, "/agent_instance/{id}/start")
	finish   = transport.NewOp[answer]("agent_instances.finish", http.MethodPost, "/agent_instance/{id}/finish")
)

// Register makes a new instance, which is pending until it is started. The
// agent's version and schema version are found, or made if they are new.
func (s *Service) Register(ctx context.Context, params RegisterParams, options ...transport.Option) (*Instance, error) {
	return s.do(ctx, register, transport.Input{Body: params.WithDefaults()}, options)
}

// Start makes a pending instance active. An instance that isn't pending is an
// [errs.ConflictError].
func (s *Service) Start(ctx context.Context, id string, params StartParams, options ...transport.Option) (*Instance, error) {
	return s.do(ctx, start, transport.Input{Values: []string{id}, Body: params}, options)
}

// Finish ends an instance. An instance that has ended before is an
// [errs.ConflictError].
func (s *Service) Finish(ctx context.Context, id string, params FinishParams, options ...transport.Option) (*Instance, error) {
	return s.do(ctx, finish, transport.Input{Values: []string{id}, Body: params}, options)
}

// do sends a call that is answered with one instance.
func (s *Service) do(ctx context.Context, op *transport.Op[answer], in transport.Input, options []transport.Option) (*Instance, error) {
	a, err := op.Do(ctx, s.client, in, options...)
	if err != nil {
		return nil, err
	}
	return a.Details, nil
}
