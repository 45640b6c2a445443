package spans_test

import (
	"context"
	"fmt"
	"log"
	"slices"
	"time"

	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/list"
	"github.com/prefactordev/prefactor-go/resources/spans"
)

// A run is exported as text.
func ExampleNewTree() {
	api, runID, done := begin()
	defer done()
	ctx := context.Background()

	at := time.Date(2026, 4, 13, 0, 46, 31, 0, time.UTC)
	root := record(api, spans.CreateParams{AgentInstanceID: runID, SchemaName: "app:agent", StartedAt: at, FinishedAt: at.Add(2100 * time.Millisecond)})
	model := record(api, spans.CreateParams{AgentInstanceID: runID, SchemaName: "app:llm", ParentSpanID: root, StartedAt: at, FinishedAt: at.Add(1200 * time.Millisecond)})
	record(api, spans.CreateParams{AgentInstanceID: runID, SchemaName: "app:tool", ParentSpanID: model, StartedAt: at, FinishedAt: at.Add(300 * time.Millisecond)})

	tree, err := spans.NewTree(api.Spans.All(ctx, spans.ListParams{AgentInstanceID: runID}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(tree)
	// Output:
	// app:agent complete 2.1s
	//   app:llm complete 1.2s
	//     app:tool complete 300ms
}

// record records a step that is over, and returns its id.
func record(api *resources.API, params spans.CreateParams) (id string) {
	params.Status = spans.Complete
	span, err := api.Spans.Create(context.Background(), params)
	if err != nil {
		log.Fatal(err)
	}
	return span.ID
}

// A program shows the steps of a run while another one records them: it reads the
// newest first, up to those that it has shown, until the run has ended.
func ExampleService_All_follow() {
	api, runID, done := begin()
	defer done()
	ctx := context.Background()
	recordNext := recording(api, runID)

	newestFirst := list.Params{PageSize: 20, Sort: list.Sort{Field: "started_at", Descending: true}}
	shown := make(map[string]bool)
	for {
		run, err := api.Instances.Get(ctx, runID)
		if err != nil {
			log.Fatal(err)
		}
		var fresh []*spans.Span
		for span, err := range api.Spans.All(ctx, spans.ListParams{AgentInstanceID: runID, Params: newestFirst}) {
			if err != nil {
				log.Fatal(err)
			}
			if shown[span.ID] {
				break
			}
			fresh = append(fresh, span)
		}
		for _, span := range slices.Backward(fresh) {
			shown[span.ID] = true
			fmt.Println(span.SchemaName)
		}
		if !run.FinishedAt.IsZero() {
			fmt.Println("run", run.Status)
			return
		}
		recordNext() // in place of a pause of some seconds
	}
	// Output:
	// app:plan
	// app:search
	// app:answer
	// run complete
}

// recording returns a function that records the next step of a run, as another program
// would meanwhile, and at last finishes the run.
func recording(api *resources.API, runID string) (next func()) {
	ctx := context.Background()
	if _, err := api.Instances.Start(ctx, runID, instances.StartParams{}); err != nil {
		log.Fatal(err)
	}
	steps := []string{"app:plan", "app:search", "app:answer"}
	return func() {
		if len(steps) > 0 {
			record(api, spans.CreateParams{AgentInstanceID: runID, SchemaName: steps[0]})
			steps = steps[1:]
			return
		}
		if _, err := api.Instances.Finish(ctx, runID, instances.FinishParams{}); err != nil {
			log.Fatal(err)
		}
	}
}
