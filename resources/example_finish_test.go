package resources_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
)

// recordRun records a run of work. The run is finished in any case: as complete, or as
// failed after an error, a cancellation of ctx or a panic.
func recordRun(ctx context.Context, api *resources.API, params instances.RegisterParams, work func(ctx context.Context, runID string) error) (err error) {
	run, err := api.Instances.Register(ctx, params)
	if err != nil {
		return err
	}
	end := instances.FinishParams{Status: instances.Failed}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_, failed := api.Instances.Finish(ctx, run.ID, end)
		err = errors.Join(err, failed)
	}()
	if _, err := api.Instances.Start(ctx, run.ID, instances.StartParams{}); err != nil {
		return err
	}
	if err := work(ctx, run.ID); err != nil {
		return err
	}
	end.Status = instances.Complete
	return nil
}

// recordStep does the same for a step of a run.
func recordStep(ctx context.Context, api *resources.API, params spans.CreateParams, work func(context.Context) (result any, err error)) (err error) {
	step, err := api.Spans.Create(ctx, params)
	if err != nil {
		return err
	}
	end := spans.FinishParams{Status: spans.Failed}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_, failed := api.Spans.Finish(ctx, step.ID, end)
		err = errors.Join(err, failed)
	}()
	result, err := work(ctx)
	if err != nil {
		end.ResultPayload = map[string]any{"error": err}
		return err
	}
	end.Status, end.ResultPayload = spans.Complete, result
	return nil
}

// A run and its steps end as failed after an error, and also after a cancel: then with
// a context of their own, which isn't canceled and ends after ten seconds.
func Example_finish() {
	server := serve()
	defer server.Close()
	api, err := resources.Open(middleware.NewConfig(server.URL, prefactortest.Token))
	if err != nil {
		log.Fatal(err)
	}
	defer api.Close()

	for _, task := range []string{"answer", "fail", "be canceled"} {
		ctx, cancel := context.WithCancel(context.Background())
		params := instances.RegisterParams{ExternalIdentifier: task}
		err := recordRun(ctx, api, params, func(ctx context.Context, runID string) error {
			return recordStep(ctx, api, spans.CreateParams{AgentInstanceID: runID, SchemaName: "app:llm"}, func(ctx context.Context) (any, error) {
				switch task {
				case "fail":
					return nil, errors.New("the model is overloaded")
				case "be canceled":
					cancel() // as a user does
				}
				return map[string]any{"text": "hello"}, ctx.Err()
			})
		})
		fmt.Printf("%s: %v\n", task, err)
		cancel()
	}
	fmt.Print(server.Tree())
	// Output:
	// answer: <nil>
	// fail: the model is overloaded
	// be canceled: context canceled
	// instance answer complete
	// └── app:llm complete
	// instance fail failed
	// └── app:llm failed
	// instance be canceled failed
	// └── app:llm failed
}
