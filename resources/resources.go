// Package resources groups the API's operations: one value, made once, for an
// application's life.
//
//	api, err := resources.Open(middleware.NewConfig("", token))
//	run, err := api.Instances.Register(ctx, instances.RegisterParams{AgentID: agent})
//
// [Open] is for those who start from the default stack. Who has a transport
// stack of their own makes a [transport.Client] on it and calls [New], or just
// [instances.New], [spans.New] or [bulk.New]; so does who tunes the base
// transport, or puts several tokens over one.
//
// Who comes from the Python or TypeScript client finds each of its names in
// MIGRATING.md, beside this file.
package resources

import (
	"errors"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/resources/bulk"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

// API is all operations on one client. It is safe for concurrent use.
type API struct {
	Instances *instances.Service
	Spans     *spans.Service
	Bulk      *bulk.Service
	Client    *transport.Client // for calls that have no method here: Client.Do

	guards *guards
}

// New returns the operations, sent through client.
func New(client *transport.Client) *API {
	api := &API{
		Instances: instances.New(client),
		Spans:     spans.New(client),
		Bulk:      bulk.New(client),
		Client:    client,
		guards:    new(guards),
	}
	client.OnAnswer(api.guards.read)
	return api
}

// Open returns the operations, sent through the default stack of cfg on a base
// transport of its own. Each edit gets the stack and returns another, in which a
// team puts its own layers:
//
//	api, err := resources.Open(cfg, func(s transport.Stack) transport.Stack {
//		return s.PerCall(audit).Wire(signing)
//	})
//
// The error holds everything that is wrong with cfg or with the stack, an
// [errs.ClientError] each. What an edit takes out isn't asked for: with an auth
// layer in place of the default one, cfg needs no token.
func Open(cfg middleware.Config, edits ...func(transport.Stack) transport.Stack) (*API, error) {
	stack := middleware.Default(cfg)
	for _, edit := range edits {
		stack = edit(stack)
	}
	rt, err := stack.RoundTripper(middleware.NewBase(cfg))
	if cfg.ConnectTimeout <= 0 {
		err = errors.Join(err, &errs.ClientError{Field: "ConnectTimeout", Problem: "must be a positive duration"})
	}
	if err != nil {
		return nil, err
	}
	client, err := transport.NewClient(cfg.APIURL, rt)
	if err != nil {
		return nil, err
	}
	return New(client), nil
}

// Close closes the connections that no call uses. The API stays usable, and may
// be closed again.
func (a *API) Close() { a.Client.CloseIdleConnections() }
