package instances

import (
	"context"
	"net/http"

	"github.com/prefactordev/prefactor-go/transport"
)

var get = transport.NewOp[answer]("agent_instances.get", http.MethodGet, "/agent_instance/{id}")

// Get returns an instance as it stands now. One that doesn't exist, or isn't the
// token's to see, is an [errs.NotFoundError].
//
// [errs.NotFoundError]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/errs#NotFoundError
func (s *Service) Get(ctx context.Context, id string, options ...transport.Option) (*Instance, error) {
	return s.do(ctx, get, transport.Input{Values: []string{id}}, options)
}
