package alerts_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources/alerts"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/internal/wiretest"
	"github.com/prefactordev/prefactor-go/resources/list"
)

// onFakes runs test with an alerts.Service and the id of an active run, on a plain
// fake and on a strict one.
func onFakes(t *testing.T, test func(t *testing.T, s *alerts.Service, runID string)) {
	t.Parallel()
	for name, options := range map[string][]prefactortest.Option{"plain": nil, "strict": {prefactortest.Strict()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := wiretest.Client(t, prefactortest.New(options...))
			runs := instances.New(client)
			run, err := runs.Register(t.Context(), instances.RegisterParams{AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := runs.Start(t.Context(), run.ID, instances.StartParams{}); err != nil {
				t.Fatal(err)
			}
			test(t, alerts.New(client), run.ID)
		})
	}
}

func TestTheLifeOfAnAlert(t *testing.T) {
	onFakes(t, func(t *testing.T, s *alerts.Service, runID string) {
		ctx := t.Context()
		raised, err := s.Raise(ctx, alerts.RaiseParams{AgentInstanceID: runID, Name: "over_budget", Severity: alerts.Warning, Payload: map[string]any{"spent": 11}, RaisedAt: at, PayloadSensitiveEncoding: true})
		if err != nil || raised.Status != alerts.Raised || raised.Version != 1 || !raised.RaisedAt.Equal(at) || !raised.PayloadSensitiveEncoding {
			t.Fatalf("raised %+v, %v", raised, err)
		}
		again, err := s.Raise(ctx, alerts.RaiseParams{AgentInstanceID: runID, Name: "over_budget", Severity: alerts.Critical})
		if err != nil || again.ID != raised.ID || again.Version != 2 || again.Severity != alerts.Critical || again.Payload.String() != "{}" {
			t.Errorf("raised again %+v, %v", again, err)
		}
		if n, err := s.Count(ctx, alerts.CountParams{Status: alerts.Raised, Severity: alerts.Critical}); n != 1 || err != nil {
			t.Errorf("%d are raised, %v", n, err)
		}
		cleared, err := s.Clear(ctx, alerts.ClearParams{AgentInstanceID: runID, Name: "over_budget", Severity: alerts.Info, Payload: map[string]any{"spent": 9}, ClearedAt: at})
		if err != nil || cleared.ID != raised.ID || cleared.Status != alerts.Cleared || cleared.Severity != alerts.Info || cleared.Payload.String() != `{"spent":9}` || !cleared.ClearedAt.Equal(at) {
			t.Errorf("cleared %+v, %v", cleared, err)
		}
		if _, err := s.Clear(ctx, alerts.ClearParams{AgentInstanceID: runID, Name: "over_budget"}); !errs.InvalidAction(err) {
			t.Errorf("cleared again: %v", err)
		}
		if n, err := s.Count(ctx, alerts.CountParams{Status: alerts.Raised}); n != 0 || err != nil {
			t.Errorf("%d are raised, %v", n, err)
		}
		if got, err := s.Get(ctx, raised.ID); err != nil || got.Status != alerts.Cleared {
			t.Errorf("got %+v, %v", got, err)
		}
		if _, err := s.Get(ctx, runID); !errors.Is(err, errs.ErrNotFound) {
			t.Errorf("got an alert by the id of its run: %v", err)
		}
	})
}

func TestAListOfAlertsIsFilteredAndSorted(t *testing.T) {
	onFakes(t, func(t *testing.T, s *alerts.Service, runID string) {
		ctx := t.Context()
		for i, name := range []string{"c", "a", "b", "d"} {
			severity := alerts.Warning
			if name == "d" {
				severity = alerts.Error
			}
			if _, err := s.Raise(ctx, alerts.RaiseParams{AgentInstanceID: runID, Name: name, Severity: severity, RaisedAt: at.Add(time.Duration(i) * time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Clear(ctx, alerts.ClearParams{AgentInstanceID: runID, Name: "c", ClearedAt: at.Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		byName := list.Params{Sort: list.Sort{Field: "name"}}
		for _, tt := range []struct {
			name   string
			params alerts.ListParams
			want   []string
		}{
			{"of the run", alerts.ListParams{Params: byName, AgentInstanceID: runID}, []string{"a", "b", "c", "d"}},
			{"of another run", alerts.ListParams{AgentInstanceID: prefactortest.AgentID}, nil},
			{"of the agent and its environment", alerts.ListParams{Params: byName, AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID}, []string{"a", "b", "c", "d"}},
			{"raised", alerts.ListParams{Params: byName, Status: alerts.Raised}, []string{"a", "b", "d"}},
			{"of a severity", alerts.ListParams{Severity: alerts.Error}, []string{"d"}},
			{"of a name", alerts.ListParams{Name: "b"}, []string{"b"}},
			{"raised before", alerts.ListParams{Params: byName, ActiveUntil: at.Add(time.Hour)}, []string{"a", "c"}},
			{"active later", alerts.ListParams{Params: byName, ActiveFrom: at.Add(time.Hour)}, []string{"a", "b", "d"}},
			{"the last name first, page by page", alerts.ListParams{Params: list.Params{PageSize: 3, Sort: list.Sort{Field: "name", Descending: true}}}, []string{"d", "c", "b", "a"}},
			{"the last name first, in the other spelling", alerts.ListParams{Params: list.Params{Sort: list.Sort{Field: "name", Descending: true, Bare: true}}}, []string{"d", "c", "b", "a"}},
		} {
			var names []string
			for alert, err := range s.All(ctx, tt.params) {
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, alert.Name)
			}
			if !slices.Equal(names, tt.want) {
				t.Errorf("%s: %q, want %q", tt.name, names, tt.want)
			}
		}
	})
}
