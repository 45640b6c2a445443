package bulk_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/bulk"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
)

// connect returns an API that talks to a fake server, which close ends.
func connect() (api *resources.API, close func()) {
	server, err := prefactortest.New().Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	if api, err = resources.Open(middleware.NewConfig(server.URL, prefactortest.Token)); err != nil {
		log.Fatal(err)
	}
	return api, func() { _ = server.Close() }
}

// A whole run in one request: the ids are chosen here, so that one item can name
// what another makes.
func ExampleService_Execute() {
	api, done := connect()
	defer done()

	const runID, stepID = "013xrzp12g3nqk8n0000000000000001", "013xrzp12g3nqk8n0000000000000002"
	resp, err := api.Bulk.Execute(context.Background(), bulk.Request{Items: []bulk.Item{
		bulk.RegisterInstance("", instances.RegisterParams{ID: runID}),
		bulk.StartInstance("", runID, instances.StartParams{}),
		bulk.CreateSpan("", spans.CreateParams{AgentInstanceID: runID, SchemaName: "app:llm", ID: stepID}),
		bulk.FinishSpan("", stepID, spans.FinishParams{ResultPayload: map[string]any{"text": "hi"}}),
		bulk.FinishInstance("", runID, instances.FinishParams{}),
	}})
	if err != nil {
		log.Fatal(err) // the call as a whole
	}
	if err := resp.Err(); err != nil {
		log.Fatal(err) // one of its items
	}
	span, err := bulk.Details[spans.Span](resp.Outputs[3])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(resp.Outputs), span.Status, span.ResultPayload)
	// Output: 5 complete {"text":"hi"}
}

// The server stops at the first item that fails. What it left can be sent again
// as it is.
func ExampleResponse() {
	api, done := connect()
	defer done()
	ctx := context.Background()

	items := []bulk.Item{
		bulk.RegisterInstance("register-first", instances.RegisterParams{}),
		bulk.FinishSpan("finish-unknown", "013xrzp12g3nqk8n0000000000000009", spans.FinishParams{}),
		bulk.RegisterInstance("register-second", instances.RegisterParams{}),
	}
	for len(items) > 0 {
		resp, err := api.Bulk.Execute(ctx, bulk.Request{Items: items})
		if err != nil {
			log.Fatal(err)
		}
		for _, out := range resp.Outputs {
			switch {
			case errors.Is(out.Err, errs.ErrNotFound):
				fmt.Println(out.Item.Key, "is dropped: there is no such span")
			case out.Err != nil:
				log.Fatal(out.Err)
			default:
				fmt.Println(out.Item.Key, "is done")
			}
		}
		if len(resp.Outputs) == 0 {
			log.Fatal(resp.Err())
		}
		items = resp.Unprocessed
	}
	// Output:
	// register-first is done
	// finish-unknown is dropped: there is no such span
	// register-second is done
}

// An operation that has no function here is named as the API names it in bulk.
func ExampleNewItem() {
	api, done := connect()
	defer done()

	type agent struct {
		Name   string `json:"name"`
		Status string `json:"status"`
	}
	create := bulk.NewItem("agents/create", "create-agent-001", map[string]any{"details": map[string]any{"name": "Billing"}})
	resp, err := api.Bulk.Execute(context.Background(), bulk.Request{Items: []bulk.Item{create}})
	if err != nil {
		log.Fatal(err)
	}
	out, ok := resp.Output("create-agent-001")
	if !ok {
		log.Fatal(resp.Err())
	}
	made, err := bulk.Details[agent](out)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(made.Name)
	// Output: Billing
}
