package spans_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/internal/wiretest"
	"github.com/prefactordev/prefactor-go/resources/list"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestReadsSendTheGoldenQueries(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, path, golden string
		call               func(context.Context, *spans.Service, transport.Option) error
	}{
		{"get", "/agent_spans/span-1", "", func(ctx context.Context, s *spans.Service, key transport.Option) error {
			_, err := s.Get(ctx, "span-1", key)
			return err
		}},
		{"get redacted", "/agent_spans/span-1", "get_redacted", func(ctx context.Context, s *spans.Service, key transport.Option) error {
			_, err := s.GetRedacted(ctx, "span-1", key)
			return err
		}},
		{"list", "/agent_spans", "list", func(ctx context.Context, s *spans.Service, key transport.Option) error {
			_, err := s.List(ctx, spans.ListParams{
				Params:          list.Params{Offset: 100, PageSize: 25, Sort: list.Sort{Field: "started_at", Descending: true}},
				AgentInstanceID: "inst-1", AgentID: "agent-1", From: started, Until: finished, IncludeSummaries: true, IncludeRiskLevel: true,
			}, key)
			return err
		}},
		{"all, the order as one value", "/agent_spans", "list_bare", func(ctx context.Context, s *spans.Service, key transport.Option) error {
			for _, err := range s.All(ctx, spans.ListParams{AgentID: "agent-1", Params: list.Params{Sort: list.Sort{Field: "id", Descending: true, Bare: true}}}, key) {
				return err
			}
			return nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			service, fake := answering(t, `{"status":"success","details":{"id":"span-1"},"summaries":[]}`)
			if err := tt.call(t.Context(), service, transport.WithIdempotencyKey(wiretest.Key)); err != nil {
				t.Fatal(err)
			}
			wiretest.CheckSent(t, fake.Journal()[0], "GET", tt.path, tt.golden)
		})
	}
}

// onFakes runs test with a Service and the id of an active run, on a plain fake and on
// a strict one.
func onFakes(t *testing.T, test func(t *testing.T, fake *prefactortest.Fake, s *spans.Service, runID string)) {
	t.Parallel()
	for name, options := range map[string][]prefactortest.Option{"plain": nil, "strict": {prefactortest.Strict()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := prefactortest.New(options...)
			client := wiretest.Client(t, fake)
			runs := instances.New(client)
			run, err := runs.Register(t.Context(), instances.RegisterParams{
				AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID,
				AgentSchemaVersion: &instances.AgentSchemaVersion{ExternalIdentifier: "s1", SpanTypeSchemas: []instances.SpanTypeSchema{
					{Name: "app:llm", Title: "Model call", Template: "asked {{model}}", ParamsSchema: map[string]any{"type": "object"}, DataRisk: &instances.DataRisk{}},
				}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := runs.Start(t.Context(), run.ID, instances.StartParams{}); err != nil {
				t.Fatal(err)
			}
			test(t, fake, spans.New(client), run.ID)
		})
	}
}

func TestASpanIsReadBack(t *testing.T) {
	onFakes(t, func(t *testing.T, _ *prefactortest.Fake, s *spans.Service, runID string) {
		ctx := t.Context()
		made, err := s.Create(ctx, spans.CreateParams{AgentInstanceID: runID, SchemaName: "app:llm", Payload: map[string]any{"model": "m1"}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Get(ctx, made.ID)
		if err != nil || got.ID != made.ID || got.SchemaTitle != "Model call" || got.Purpose != spans.Activity || len(got.DataRisk) == 0 || got.Control != nil {
			t.Errorf("got %+v, %v", got, err)
		}
		if _, err := s.Get(ctx, "unknown"); !errors.Is(err, errs.ErrNotFound) {
			t.Errorf("an unknown span: %v", err)
		}
		if _, err := s.DiscardSensitive(ctx, "unknown"); !errors.Is(err, errs.ErrNotFound) {
			t.Errorf("an unknown span: %v", err)
		}
	})
}

func TestAListOfSpansIsFilteredAndSorted(t *testing.T) {
	onFakes(t, func(t *testing.T, fake *prefactortest.Fake, s *spans.Service, runID string) {
		ctx := t.Context()
		for i := range 5 {
			if _, err := s.Create(ctx, spans.CreateParams{AgentInstanceID: runID, SchemaName: "app:llm", Payload: map[string]any{"model": i}, StartedAt: started.Add(time.Duration(i) * time.Minute)}); err != nil {
				t.Fatal(err)
			}
		}
		fake.SetRiskScore(runID, prefactortest.RiskScore{PerType: []prefactortest.TypeRisk{{SchemaName: "app:llm", RiskLevel: "high", TypeScore: 7.5}}})
		newest := list.Sort{Field: "started_at", Descending: true}
		for _, tt := range []struct {
			name   string
			params spans.ListParams
			want   string // the minutes of the spans
		}{
			{"of a run", spans.ListParams{AgentInstanceID: runID}, "[0 1 2 3 4]"},
			{"of an agent", spans.ListParams{AgentID: prefactortest.AgentID}, "[0 1 2 3 4]"},
			{"of another run", spans.ListParams{AgentInstanceID: prefactortest.AgentID}, "[]"},
			{"from a time on", spans.ListParams{AgentInstanceID: runID, From: started.Add(3 * time.Minute)}, "[3 4]"},
			{"until a time", spans.ListParams{AgentInstanceID: runID, Until: started.Add(2 * time.Minute)}, "[0 1]"},
			{"the newest first, page by page", spans.ListParams{AgentInstanceID: runID, Params: list.Params{PageSize: 2, Sort: newest}}, "[4 3 2 1 0]"},
			{"the newest first, in the other spelling", spans.ListParams{AgentInstanceID: runID, Params: list.Params{Sort: list.Sort{Field: "started_at", Descending: true, Bare: true}}}, "[4 3 2 1 0]"},
		} {
			var minutes []int
			for span, err := range s.All(ctx, tt.params) {
				if err != nil {
					t.Fatal(err)
				}
				if span.Summary != "" || span.RiskLevel != "" || span.RiskScore != nil {
					t.Errorf("%s: %+v has what wasn't asked for", tt.name, span)
				}
				minutes = append(minutes, int(span.StartedAt.Sub(started).Minutes()))
			}
			if got := fmt.Sprint(minutes); got != tt.want {
				t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
			}
		}
		page, err := s.List(ctx, spans.ListParams{AgentInstanceID: runID, IncludeSummaries: true, IncludeRiskLevel: true, Params: list.Params{PageSize: 1}})
		if err != nil || len(page.Items) != 1 || page.Pagination.ItemCount != 5 {
			t.Fatalf("a page: %+v, %v", page, err)
		}
		if span := page.Items[0]; span.Summary != "asked 0" || span.RiskLevel != spans.RiskHigh || span.RiskScore == nil || *span.RiskScore != 7.5 {
			t.Errorf("with all: %+v", span)
		}
	})
}
