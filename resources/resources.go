// Package resources groups the API's operations in one value, which an
// application makes once and keeps.
//
//	api, err := resources.Open(middleware.NewConfig("", token))
//	run, err := api.Instances.Register(ctx, instances.RegisterParams{AgentID: agent})
//
// [Open] starts from the default stack. To send through a transport stack of your
// own, make a [transport.Client] on it and call [New], or the New function of just one
// package, such as [spans.New]. Do the same to tune the base transport, or to use
// several tokens over one base transport.
//
// # Operations
//
// These are all operations. A row says what is sent and what to expect:
//
//   - params: "flat" in the body, in the body under "details", "items" of a bulk
//     request, or in the query.
//   - key: where the idempotency key goes. "both" is the Idempotency-Key header and the
//     body's member idempotency_key. Reads have none.
//   - again: whether a call that has no key may be sent again although the server may
//     have acted on the first.
//   - refused: N is an [errs.NotFoundError], for a record that doesn't exist, or not
//     for the token. C is an [errs.ConflictError] for which [errs.InvalidAction] is
//     true, for a record whose state doesn't allow the action.
//
// Any call can be refused with an [errs.AuthError] or an [errs.RateLimitError], and one
// with params with an [errs.ValidationError].
//
//	method                  request, below /api/v1                    params   key     again  refused
//	Ping                    GET /ping                                 -        -       yes
//	Instances.Register      POST /agent_instance/register             flat     both    no     N
//	Instances.Start         POST /agent_instance/{id}/start           flat     both    no     NC
//	Instances.Finish        POST /agent_instance/{id}/finish          flat     both    no     NC
//	Instances.Terminate     POST /agent_instance/{id}/terminate       flat     both    no     NC
//	Instances.RecordQuality POST /agent_instance/{id}/record_quality  flat     both    no     N
//	Instances.RemoveQuality POST /agent_instance/{id}/record_quality  flat     both    no     N
//	Instances.Get           GET /agent_instance/{id}                  -        -       yes    N
//	Instances.Watch         GET /agent_instance/{id}                  -        -       yes    N
//	Instances.Show          GET /agent_instance/show                  query    -       yes    N
//	Instances.List          GET /agent_instance                       query    -       yes
//	Instances.All           GET /agent_instance                       query    -       yes
//	Instances.AgentContext  GET /agent_instance/{id}/agent_context    -        -       yes    N
//	Spans.Create            POST /agent_spans                         details  both    no     N
//	Spans.Finish            POST /agent_spans/{id}/finish             flat     both    no     NC
//	Spans.DiscardSensitive  POST /agent_spans/{id}/discard_sensitive  -        both    no     N
//	Spans.Get               GET /agent_spans/{id}                     -        -       yes    N
//	Spans.GetRedacted       GET /agent_spans/{id}                     query    -       yes    N
//	Spans.List              GET /agent_spans                          query    -       yes
//	Spans.All               GET /agent_spans                          query    -       yes
//	Agents.Create           POST /agent                               details  both    no
//	Agents.Update           PUT /agent/{id}                           details  both    no     N
//	Agents.Retire           POST /agent/{id}/retire                   -        both    no     NC
//	Agents.Reinstate        POST /agent/{id}/reinstate                -        both    no     NC
//	Agents.Delete           DELETE /agent/{id}                        -        header  no     N
//	Agents.Get              GET /agent/{id}                           -        -       yes    N
//	Agents.Show             GET /agent/show                           query    -       yes    N
//	Agents.List             GET /agent                                query    -       yes
//	Agents.All              GET /agent                                query    -       yes
//	Alerts.Raise            POST /alerts/raise                        flat     both    no     N
//	Alerts.Clear            POST /alerts/clear                        flat     both    no     NC
//	Alerts.Get              GET /alerts/{id}                          -        -       yes    N
//	Alerts.List             GET /alerts                               query    -       yes
//	Alerts.All              GET /alerts                               query    -       yes
//	Alerts.Count            GET /alerts/count                         query    -       yes
//	Bulk.Execute            POST /bulk                                items    header  yes
//	PFIDs.Generate          POST /pfid/generate                       flat     both    yes
//
// [API.Guard] reads the run that it watches with Instances.Get. Whatever else the API
// has goes through the Do method of [API.Client].
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
