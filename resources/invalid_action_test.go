package resources_test

import (
	"context"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/bulk"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
)

// What has ended can't be ended again, in a call of its own or in bulk: the error says
// so, and nothing was changed.
func TestADoubleFinishIsAnInvalidAction(t *testing.T) {
	t.Parallel()
	inBulk := func(ctx context.Context, api *resources.API, item bulk.Item) error {
		resp, err := api.Bulk.Execute(ctx, bulk.Request{Items: []bulk.Item{item}})
		if err != nil {
			return err
		}
		return resp.Outputs[0].Err
	}
	for _, tt := range []struct {
		name   string
		finish func(ctx context.Context, api *resources.API, runID, spanID string) error
	}{
		{"an instance", func(ctx context.Context, api *resources.API, runID, _ string) error {
			_, err := api.Instances.Finish(ctx, runID, instances.FinishParams{Status: instances.Failed})
			return err
		}},
		{"an instance in bulk", func(ctx context.Context, api *resources.API, runID, _ string) error {
			return inBulk(ctx, api, bulk.FinishInstance("", runID, instances.FinishParams{Status: instances.Failed}))
		}},
		{"a span", func(ctx context.Context, api *resources.API, _, spanID string) error {
			_, err := api.Spans.Finish(ctx, spanID, spans.FinishParams{Status: spans.Failed})
			return err
		}},
		{"a span in bulk", func(ctx context.Context, api *resources.API, _, spanID string) error {
			return inBulk(ctx, api, bulk.FinishSpan("", spanID, spans.FinishParams{Status: spans.Failed}))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			fake := prefactortest.New()
			api := open(t, fake, func(*middleware.Config) {})
			run, err := api.Instances.Register(ctx, instances.RegisterParams{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := api.Instances.Start(ctx, run.ID, instances.StartParams{}); err != nil {
				t.Fatal(err)
			}
			span, err := api.Spans.Create(ctx, spans.CreateParams{AgentInstanceID: run.ID, SchemaName: "app:llm"})
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.finish(ctx, api, run.ID, span.ID); err != nil || errs.InvalidAction(err) {
				t.Fatalf("the first time: %v", err)
			}
			before := fake.Tree()
			if err := tt.finish(ctx, api, run.ID, span.ID); !errs.InvalidAction(err) || errs.KindOf(err) != errs.KindConflict || errs.MaybeApplied(err) {
				t.Errorf("the second time: %v", err)
			}
			if after := fake.Tree(); after != before {
				t.Errorf("the second time changed\n%s to\n%s", before, after)
			}
			if err := tt.finish(ctx, api, "unknown", "unknown"); errs.InvalidAction(err) || errs.KindOf(err) != errs.KindNotFound {
				t.Errorf("what doesn't exist: %v", err)
			}
		})
	}
}
