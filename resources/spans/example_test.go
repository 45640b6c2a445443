package spans_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
)

// begin returns an API that talks to a fake server, which close ends, and the id
// of a run on it.
func begin() (api *resources.API, runID string, close func()) {
	server, err := prefactortest.New().Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	if api, err = resources.Open(middleware.NewConfig(server.URL, prefactortest.Token)); err != nil {
		log.Fatal(err)
	}
	run, err := api.Instances.Register(context.Background(), instances.RegisterParams{})
	if err != nil {
		log.Fatal(err)
	}
	return api, run.ID, func() { _ = server.Close() }
}

func ExampleService_Create() {
	api, runID, done := begin()
	defer done()

	type prompt struct {
		Model string `json:"model"`
		Seed  int64  `json:"seed"`
	}
	span, err := api.Spans.Create(context.Background(), spans.CreateParams{
		AgentInstanceID: runID,
		SchemaName:      "app:llm",
		Payload:         prompt{Model: "m1", Seed: 9007199254740993},
	})
	if err != nil {
		log.Fatal(err)
	}
	var sent prompt
	if err := span.Payload.Decode(&sent); err != nil {
		log.Fatal(err)
	}
	fmt.Println(span.Status, sent.Seed)
	if span.Control != nil && span.Control.Terminate {
		fmt.Println("the server asks for the end:", span.Control.Reason)
	}
	// Output: active 9007199254740993
}

// A step that is over already takes one call.
func ExampleService_Create_complete() {
	api, runID, done := begin()
	defer done()

	at := time.Date(2026, 4, 13, 0, 46, 31, 0, time.UTC)
	span, err := api.Spans.Create(context.Background(), spans.CreateParams{
		AgentInstanceID: runID,
		SchemaName:      "app:tool",
		Status:          spans.Complete,
		Payload:         map[string]any{"tool": "search"},
		ResultPayload:   map[string]any{"hits": 3},
		StartedAt:       at,
		FinishedAt:      at.Add(2 * time.Second),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(span.Status, span.ResultPayload, span.FinishedAt.Sub(span.StartedAt))
	// Output: complete {"hits":3} 2s
}

func ExampleService_Finish() {
	api, runID, done := begin()
	defer done()
	ctx := context.Background()

	span, err := api.Spans.Create(ctx, spans.CreateParams{AgentInstanceID: runID, SchemaName: "app:llm"})
	if err != nil {
		log.Fatal(err)
	}
	span, err = api.Spans.Finish(ctx, span.ID, spans.FinishParams{
		Status:        spans.Failed,
		ResultPayload: map[string]any{"error": "context window exceeded"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(span.Status, span.ResultPayload)
	// Output: failed {"error":"context window exceeded"}
}
