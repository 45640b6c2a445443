package instances_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

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
	const one = `{"status":"success","details":{"id":"inst-1"},"summaries":[],"agent_context":{"body":{}}}`
	for _, tt := range []struct {
		name, path, golden string
		call               func(context.Context, *instances.Service, transport.Option) error
	}{
		{"get", "/agent_instance/inst-1", "", func(ctx context.Context, s *instances.Service, key transport.Option) error {
			_, err := s.Get(ctx, "inst-1", key)
			return err
		}},
		{"show", "/agent_instance/show", "show", func(ctx context.Context, s *instances.Service, key transport.Option) error {
			_, err := s.Show(ctx, instances.ShowParams{ExternalIdentifier: "nightly-42", IncludeCounts: true, IncludeCosts: true, IncludeRiskScore: true, IncludeAlertCount: true}, key)
			return err
		}},
		{"show, the least", "/agent_instance/show", "show_least", func(ctx context.Context, s *instances.Service, key transport.Option) error {
			_, err := s.Show(ctx, instances.ShowParams{InstanceID: "inst-1"}, key)
			return err
		}},
		{"list", "/agent_instance", "list", func(ctx context.Context, s *instances.Service, key transport.Option) error {
			_, err := s.List(ctx, instances.ListParams{
				Params:  list.Params{Offset: 200, PageSize: 50, Sort: list.Sort{Field: "started_at", Descending: true}},
				AgentID: "agent-1", AgentVersionID: "ver-1",
			}, key)
			return err
		}},
		{"all, the order as one value", "/agent_instance", "list_bare", func(ctx context.Context, s *instances.Service, key transport.Option) error {
			for _, err := range s.All(ctx, instances.ListParams{AgentID: "agent-1", Params: list.Params{Sort: list.Sort{Field: "id", Descending: true, Bare: true}}}, key) {
				return err
			}
			return nil
		}},
		{"agent context", "/agent_instance/inst-1/agent_context", "", func(ctx context.Context, s *instances.Service, key transport.Option) error {
			_, err := s.AgentContext(ctx, "inst-1", key)
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			service, fake := answering(t, one)
			if err := tt.call(t.Context(), service, transport.WithIdempotencyKey(wiretest.Key)); err != nil {
				t.Fatal(err)
			}
			wiretest.CheckSent(t, fake.Journal()[0], "GET", tt.path, tt.golden)
		})
	}
}

// onFakes runs test with a Service on a plain fake and on a strict one.
func onFakes(t *testing.T, test func(*testing.T, *prefactortest.Fake, *instances.Service)) {
	t.Parallel()
	for name, options := range map[string][]prefactortest.Option{"plain": nil, "strict": {prefactortest.Strict()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := prefactortest.New(options...)
			test(t, fake, instances.New(wiretest.Client(t, fake)))
		})
	}
}

// register registers a run of the fake's agent with an external identifier.
func register(t *testing.T, s *instances.Service, external string) *instances.Instance {
	t.Helper()
	run, err := s.Register(t.Context(), instances.RegisterParams{
		AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID, ExternalIdentifier: external,
		AgentVersion: &instances.AgentVersion{ExternalIdentifier: "1.4.2"},
		AgentSchemaVersion: &instances.AgentSchemaVersion{
			ExternalIdentifier: "s1",
			QualitySchemas:     []instances.QualitySchema{{Name: "answer", Template: "{{score}} of 5"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestShowFindsAnInstanceByEitherID(t *testing.T) {
	onFakes(t, func(t *testing.T, fake *prefactortest.Fake, s *instances.Service) {
		ctx := t.Context()
		run := register(t, s, "nightly-42")
		fake.SetRiskScore(run.ID, prefactortest.RiskScore{TotalScore: 91.5, RiskLevel: "critical", CriticalThreshold: 80, PeakClassification: "secret"})
		for _, params := range []instances.ShowParams{
			{ExternalIdentifier: "nightly-42", IncludeCounts: true, IncludeCosts: true, IncludeRiskScore: true, IncludeAlertCount: true},
			{InstanceID: run.ID, IncludeCounts: true, IncludeCosts: true, IncludeRiskScore: true, IncludeAlertCount: true},
		} {
			got, err := s.Show(ctx, params)
			if err != nil || got.ID != run.ID || got.SpanCounts == nil || got.RaisedAlertCount == nil {
				t.Fatalf("%+v: %+v, %v", params, got, err)
			}
			if r := got.RiskScore; r == nil || r.TotalScore != 91.5 || r.RiskLevel != spans.RiskCritical || r.PeakClassification != instances.Secret {
				t.Errorf("%+v: RiskScore = %+v", params, r)
			}
		}
		if _, err := s.Show(ctx, instances.ShowParams{ExternalIdentifier: "nightly-43"}); !errors.Is(err, errs.ErrNotFound) {
			t.Errorf("an unknown instance: %v", err)
		}
	})
}

func TestAListOfInstancesIsFilteredAndSorted(t *testing.T) {
	onFakes(t, func(t *testing.T, _ *prefactortest.Fake, s *instances.Service) {
		ctx := t.Context()
		var version string
		for i := range 5 {
			version = register(t, s, fmt.Sprint("run ", i)).AgentVersionID
		}
		for _, tt := range []struct {
			name   string
			params instances.ListParams
			want   string
		}{
			{"of an agent", instances.ListParams{AgentID: prefactortest.AgentID}, "[run 0 run 1 run 2 run 3 run 4]"},
			{"of a version, ahead", instances.ListParams{AgentID: prefactortest.AgentID, AgentVersionID: version, Params: list.Params{PageSize: 2, Ahead: 2}}, "[run 0 run 1 run 2 run 3 run 4]"},
			{"of another version", instances.ListParams{AgentID: prefactortest.AgentID, AgentVersionID: prefactortest.AgentID}, "[]"},
			{"the last first, from the second on", instances.ListParams{AgentID: prefactortest.AgentID, Params: list.Params{Offset: 1, PageSize: 2, Sort: list.Sort{Field: "external_identifier", Descending: true}}}, "[run 3 run 2 run 1 run 0]"},
			{"in the other spelling", instances.ListParams{AgentID: prefactortest.AgentID, Params: list.Params{Sort: list.Sort{Field: "external_identifier", Descending: true, Bare: true}}}, "[run 4 run 3 run 2 run 1 run 0]"},
		} {
			var names []string
			for run, err := range s.All(ctx, tt.params) {
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, run.ExternalIdentifier)
			}
			if got := fmt.Sprint(names); got != tt.want {
				t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
			}
		}
		page, err := s.List(ctx, instances.ListParams{AgentID: prefactortest.AgentID, Params: list.Params{PageSize: 2}})
		if err != nil || len(page.Items) != 2 || page.Pagination == nil || page.Pagination.ItemCount != 5 {
			t.Errorf("a page: %+v, %v", page, err)
		}
	})
}

func TestTerminateEndsAnActiveRun(t *testing.T) {
	onFakes(t, func(t *testing.T, _ *prefactortest.Fake, s *instances.Service) {
		ctx := t.Context()
		run := register(t, s, "")
		if _, err := s.Terminate(ctx, run.ID, instances.TerminateParams{Reason: "too early"}); !errs.InvalidAction(err) {
			t.Errorf("a pending run: %v", err)
		}
		if _, err := s.Start(ctx, run.ID, instances.StartParams{}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Terminate(ctx, run.ID, instances.TerminateParams{Reason: "over budget", Timestamp: local})
		if err != nil || got.Status != instances.Terminated || got.TerminationReason != "over budget" || !got.FinishedAt.Equal(local) {
			t.Errorf("terminated %+v, %v", got, err)
		}
		if _, err := s.Terminate(ctx, run.ID, instances.TerminateParams{Reason: "again"}); !errs.InvalidAction(err) {
			t.Errorf("a terminated run: %v", err)
		}
	})
}
