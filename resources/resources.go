// Package resources groups the API's operations in one value, which an
// application makes once and keeps.
//
//	api, err := resources.Open(middleware.NewConfig("", token))
//	run, err := api.Instances.Register(ctx, instances.RegisterParams{AgentID: agent})
//
// [Open] starts from the default stack. To send through a transport stack of your
// own, make a [transport.Client] on it and call [New], or just [instances.New],
// [spans.New] or [bulk.New]. Do the same to tune the base transport, or to use
// several tokens over one base transport.
//
// MIGRATING.md, beside this file, lists each name of the Python and TypeScript
// clients with its counterpart here.
package resources

import (
	"errors"
	"fmt"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/resources/agents"
	"github.com/prefactordev/prefactor-go/resources/alerts"
	"github.com/prefactordev/prefactor-go/resources/bulk"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/pfid"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

// API has all operations, on one client. It is safe for concurrent use.
type API struct {
	Instances *instances.Service
	Spans     *spans.Service
	Agents    *agents.Service
	Alerts    *alerts.Service
	Bulk      *bulk.Service
	PFIDs     *pfid.Service
	Client    *transport.Client // for calls that have no method here: Client.Do

	guards *guards
}

// New returns the operations, sent through client. Without a client, every call
// fails with an [errs.ClientError].
func New(client *transport.Client) *API {
	return &API{
		Instances: instances.New(client),
		Spans:     spans.New(client),
		Agents:    agents.New(client),
		Alerts:    alerts.New(client),
		Bulk:      bulk.New(client),
		PFIDs:     pfid.NewService(client),
		Client:    client,
		guards:    guardsOf(client),
	}
}

// Open returns the operations, sent through the default stack of cfg on a base
// transport of its own. Each edit gets the stack and returns a changed one, for
// example with layers of your own:
//
//	api, err := resources.Open(cfg, func(s transport.Stack) transport.Stack {
//		return s.PerCall(audit).Wire(signing)
//	})
//
// The error joins everything that is wrong with cfg or with the stack, each as an
// [errs.ClientError]. A field of cfg that only a removed layer needs isn't checked:
// with an auth layer in place of the default one, cfg needs no token.
func Open(cfg middleware.Config, edits ...func(transport.Stack) transport.Stack) (*API, error) {
	stack := middleware.Default(cfg)
	var nilEdits error
	for i, edit := range edits {
		if edit == nil {
			nilEdits = errors.Join(nilEdits, &errs.ClientError{Field: fmt.Sprintf("edit %d", i+1), Problem: "is nil: leave it out"})
			continue
		}
		stack = edit(stack)
	}
	rt, err := stack.RoundTripper(middleware.NewBase(cfg))
	err = errors.Join(nilEdits, err)
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
	api := New(client)
	api.Instances = instances.New(client, cfg.Adapters...)
	return api, nil
}

// Close closes the connections that no call uses. The API stays usable, and Close
// may be called again.
func (a *API) Close() {
	if a != nil {
		a.Client.CloseIdleConnections()
	}
}
