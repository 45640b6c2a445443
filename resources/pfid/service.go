package pfid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// Service has the operation on ids. It is safe for concurrent use, and one is enough
// for an application's life.
type Service struct {
	client *transport.Client
}

// NewService returns a Service that sends through client.
func NewService(client *transport.Client) *Service { return &Service{client} }

// via returns the client; nil, with which every call fails, if there is none.
func (s *Service) via() *transport.Client {
	if s == nil {
		return nil
	}
	return s.client
}

// Making ids changes nothing, so it may be repeated.
var generate = transport.NewOp[generated]("pfids.generate", http.MethodPost, "/pfid/generate", transport.Replayable())

// GenerateParams says which ids are made.
type GenerateParams struct {
	Count     int    `json:"count"`               // how many; 1 or more
	AccountID string `json:"account_id,omitzero"` // whose; "" means the token's account
}

// Validate implements [transport.Validator]: the count must be positive.
func (p GenerateParams) Validate() error {
	if p.Count < 1 {
		return &errs.ClientError{Field: "count", Problem: fmt.Sprintf("must be 1 or more: it is %d", p.Count)}
	}
	return nil
}

// Generate returns ids that the server makes, as many as params say. [New] and its
// neighbours make them without a call. If the response has another number of them, the
// error is an [errs.ContractError].
func (s *Service) Generate(ctx context.Context, params GenerateParams, options ...transport.Option) ([]ID, error) {
	made, err := generate.Do(ctx, s.via(), transport.Input{Body: params}, options...)
	if err != nil {
		return nil, err
	}
	ids := made.ids()
	if len(ids) != params.Count {
		return nil, generate.Fail(errs.NewContractError(http.StatusOK, nil, fmt.Sprintf("its document has %d pfids: %d were asked for", len(ids), params.Count), nil, nil))
	}
	return ids, nil
}

// generated is the document of pfids.generate: the ids stand at its top or, as in
// older versions of the API, under details.
type generated struct {
	IDs     []ID `json:"pfids"`
	Details struct {
		IDs []ID `json:"pfids"`
	} `json:"details"`
}

func (g *generated) ids() []ID {
	if g.IDs != nil {
		return g.IDs
	}
	return g.Details.IDs
}

// Check implements [transport.Checker].
func (g *generated) Check(jsontext.Value) error {
	switch ids := g.ids(); {
	case ids == nil:
		return errors.New("its document has no pfids")
	case slices.ContainsFunc(ids, ID.IsZero):
		return errors.New("its pfids are of another form: look for a newer version of this module")
	}
	return nil
}
