package resources_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

// An agent that works until its run is ended from outside.
func ExampleAPI_Guard() {
	fake := prefactortest.New()
	rt, err := middleware.Default(middleware.NewConfig("https://prefactor.test", prefactortest.Token)).RoundTripper(fake.RoundTripper())
	if err != nil {
		panic(err)
	}
	client, err := transport.NewClient("https://prefactor.test", rt)
	if err != nil {
		panic(err)
	}
	api := resources.New(client)

	ctx := context.Background()
	run, err := api.Instances.Register(ctx, instances.RegisterParams{
		AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID,
		AgentVersion:       &instances.AgentVersion{ExternalIdentifier: "1"},
		AgentSchemaVersion: &instances.AgentSchemaVersion{ExternalIdentifier: "1"},
	})
	if err != nil {
		panic(err)
	}
	if _, err := api.Instances.Start(ctx, run.ID, instances.StartParams{}); err != nil {
		panic(err)
	}

	work, stop := api.Guard(ctx, run.ID)
	defer stop()
	for step := 1; work.Err() == nil; step++ {
		if step == 3 {
			fake.Terminate(run.ID, "over budget") // as an operator would
		}
		_, _ = api.Spans.Create(work, spans.CreateParams{AgentInstanceID: run.ID, SchemaName: "app:llm"})
	}
	if end, ok := errors.AsType[*resources.TerminatedError](context.Cause(work)); ok {
		fmt.Println("stopped:", end.Reason)
	}
	// Output: stopped: over budget
}
