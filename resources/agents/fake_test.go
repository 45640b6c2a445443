package agents_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources/agents"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/internal/wiretest"
	"github.com/prefactordev/prefactor-go/resources/list"
)

// onFakes runs test with an agents.Service on a plain fake and on a strict one.
func onFakes(t *testing.T, test func(*testing.T, *prefactortest.Fake, *agents.Service)) {
	t.Parallel()
	for name, options := range map[string][]prefactortest.Option{"plain": nil, "strict": {prefactortest.Strict()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := prefactortest.New(options...)
			test(t, fake, agents.New(wiretest.Client(t, fake)))
		})
	}
}

func TestTheLifeOfAnAgent(t *testing.T) {
	onFakes(t, func(t *testing.T, fake *prefactortest.Fake, s *agents.Service) {
		ctx := t.Context()
		made, err := s.Create(ctx, agents.CreateParams{Name: "billing", Description: "d", ExternalIdentifier: "b-1", OwnerPersonID: "p", TeamID: "t", RiskProfileID: "r"})
		if err != nil || made.Status != agents.Pending || made.Name != "billing" {
			t.Fatalf("created %+v, %v", made, err)
		}
		runs := instances.New(wiretest.Client(t, fake))
		if _, err := runs.Register(ctx, instances.RegisterParams{AgentID: made.ID, EnvironmentID: prefactortest.EnvironmentID}); err != nil {
			t.Fatal(err)
		}
		shown, err := s.Show(ctx, agents.ShowParams{ExternalIdentifier: "b-1", IncludeCounts: true, IncludeRiskRollup: true})
		if err != nil || shown.ID != made.ID || shown.InstanceCounts == nil || shown.InstanceCounts.Total != 1 || shown.RiskRollup == nil {
			t.Errorf("shown %+v, %v", shown, err)
		}
		changed, err := s.Update(ctx, made.ID, agents.UpdateParams{Name: agents.To("invoices"), OwnerPersonID: agents.Clear()})
		if err != nil || changed.Name != "invoices" || changed.OwnerPersonID != "" || changed.TeamID != "t" || changed.Description != "d" {
			t.Errorf("changed %+v, %v", changed, err)
		}
		retired, err := s.Retire(ctx, made.ID)
		if err != nil || retired.Status != agents.Retired {
			t.Errorf("retired %+v, %v", retired, err)
		}
		if _, err := s.Retire(ctx, made.ID); !errs.InvalidAction(err) {
			t.Errorf("retired again: %v", err)
		}
		if back, err := s.Reinstate(ctx, made.ID); err != nil || back.Status == agents.Retired {
			t.Errorf("reinstated %+v, %v", back, err)
		}
		if _, err := s.Reinstate(ctx, made.ID); !errs.InvalidAction(err) {
			t.Errorf("reinstated again: %v", err)
		}
		if err := s.Delete(ctx, made.ID); err != nil {
			t.Error(err)
		}
		if _, err := s.Get(ctx, made.ID); !errors.Is(err, errs.ErrNotFound) {
			t.Errorf("got a deleted agent: %v", err)
		}
	})
}

func TestAListOfAgentsIsFilteredAndSorted(t *testing.T) {
	onFakes(t, func(t *testing.T, _ *prefactortest.Fake, s *agents.Service) {
		ctx := t.Context()
		for i := range 7 {
			params := agents.CreateParams{Name: fmt.Sprintf("agent %d", i)}
			if i%2 == 1 {
				params.TeamID = "odd"
			}
			if _, err := s.Create(ctx, params); err != nil {
				t.Fatal(err)
			}
		}
		for _, tt := range []struct {
			name   string
			params agents.ListParams
			want   string
		}{
			{"a team, by name", agents.ListParams{TeamID: "odd", Params: list.Params{Sort: list.Sort{Field: "name"}}}, "[agent 1 agent 3 agent 5]"},
			{"a team, the last name first", agents.ListParams{TeamID: "odd", Params: list.Params{Sort: list.Sort{Field: "name", Descending: true, Bare: true}}}, "[agent 5 agent 3 agent 1]"},
			{"a team, page by page", agents.ListParams{TeamID: "odd", Params: list.Params{PageSize: 1, Offset: 1, Sort: list.Sort{Field: "name"}}}, "[agent 3 agent 5]"},
			{"another team", agents.ListParams{TeamID: "even"}, "[]"},
		} {
			var names []string
			for agent, err := range s.All(ctx, tt.params) {
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, agent.Name)
			}
			if got := fmt.Sprint(names); got != tt.want {
				t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
			}
		}
		for agent, err := range s.All(ctx, agents.ListParams{TeamID: agents.None}) {
			if err != nil || agent.TeamID != "" {
				t.Errorf("without a team: %+v, %v", agent, err)
			}
		}
	})
}
