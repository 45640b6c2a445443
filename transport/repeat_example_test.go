package transport_test

import (
	"context"
	"fmt"
	"log"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

// A call failed, and nobody knows whether the server carried it out. It is repeated
// with the bytes and the key that it had, and so is there once.
func ExampleRepeatOf() {
	server, err := prefactortest.New().Listen("127.0.0.1:0") // in place of the API
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	cfg := middleware.NewConfig(server.URL, prefactortest.Token)
	cfg.MaxRetries = 0
	api, err := resources.Open(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer api.Close()
	ctx := context.Background()
	run, err := api.Instances.Register(ctx, instances.RegisterParams{})
	if err != nil {
		log.Fatal(err)
	}

	server.Inject(prefactortest.On("agent_spans.create").Commit().HTML(504)) // a gateway gives up on a call that is carried out
	params := spans.CreateParams{AgentInstanceID: run.ID, SchemaName: "app:llm"}
	span, err := api.Spans.Create(ctx, params)
	fmt.Println("maybe applied:", errs.MaybeApplied(err))
	if errs.MaybeApplied(err) {
		span, err = api.Spans.Create(ctx, params, transport.RepeatOf(err))
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(span.Status, len(server.Spans()))
	// Output:
	// maybe applied: true
	// active 1
}
