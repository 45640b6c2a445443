package instances_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// connect returns an API that talks to a fake server, and a function that closes the
// server.
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

func ExampleService_Register() {
	api, done := connect()
	defer done()

	run, err := api.Instances.Register(context.Background(), instances.RegisterParams{
		AgentID:      prefactortest.AgentID,
		Purpose:      instances.SmokeTest,
		AgentVersion: &instances.AgentVersion{ExternalIdentifier: "1.4.2", Name: "billing"},
		AgentSchemaVersion: &instances.AgentSchemaVersion{
			ExternalIdentifier: "s1",
			SpanTypeSchemas: []instances.SpanTypeSchema{{
				Name:         "app:llm",
				ParamsSchema: map[string]any{"type": "object", "required": []string{"prompt"}},
				DataRisk: &instances.DataRisk{
					ActionProfile:        instances.ActionProfile{ReadData: instances.Allowed, DestroyData: instances.Disallowed},
					ParamsDataCategories: instances.DataCategories{Classification: instances.Internal},
				},
			}},
		},
		UpdateCurrentVersion: new(false), // nil means true
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.Status, run.Purpose)
	// Output: pending smoke_test
}

func ExampleService_Start() {
	api, done := connect()
	defer done()
	ctx := context.Background()

	run, err := api.Instances.Register(ctx, instances.RegisterParams{})
	if err != nil {
		log.Fatal(err)
	}
	run, err = api.Instances.Start(ctx, run.ID, instances.StartParams{
		Timestamp: time.Date(2026, 4, 13, 0, 46, 31, 0, time.UTC), // zero means the time of the call
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.Status, run.StartedAt.Format(time.TimeOnly))
	// Output: active 00:46:31
}

func ExampleService_Finish() {
	api, done := connect()
	defer done()
	ctx := context.Background()

	run, err := api.Instances.Register(ctx, instances.RegisterParams{})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := api.Instances.Start(ctx, run.ID, instances.StartParams{}); err != nil {
		log.Fatal(err)
	}
	run, err = api.Instances.Finish(ctx, run.ID, instances.FinishParams{Status: instances.Failed})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.Status)

	_, err = api.Instances.Finish(ctx, run.ID, instances.FinishParams{})
	if errors.Is(err, errs.ErrConflict) {
		fmt.Println("it had already ended")
	}
	// Output:
	// failed
	// it had already ended
}

func ExampleInstance_Raw() {
	api, done := connect()
	defer done()

	run, err := api.Instances.Register(context.Background(), instances.RegisterParams{})
	if err != nil {
		log.Fatal(err)
	}
	var members struct {
		Type string `json:"type"`
	}
	if err := rawjson.Object(run.Raw()).Decode(&members); err != nil {
		log.Fatal(err)
	}
	fmt.Println(members.Type)
	// Output: agent_instance
}

func ExampleService_Get() {
	api, done := connect()
	defer done()
	ctx := context.Background()

	run, err := api.Instances.Register(ctx, instances.RegisterParams{})
	if err != nil {
		log.Fatal(err)
	}
	seen, err := api.Instances.Get(ctx, run.ID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(seen.Status, seen.SpanCounts.Total)
	// Output: pending 0
}

// A program waits until a run has ended that another program works on.
func ExampleService_Watch() {
	api, done := connect()
	defer done()
	ctx := context.Background()

	run, err := api.Instances.Register(ctx, instances.RegisterParams{})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := api.Instances.Finish(ctx, run.ID, instances.FinishParams{Status: instances.Cancelled}); err != nil {
		log.Fatal(err)
	}
	ended, err := api.Instances.Watch(ctx, run.ID, 30*time.Second)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ended.Status)
	// Output: cancelled
}
