package agents_test

import (
	"context"
	"errors"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources/agents"
	"github.com/prefactordev/prefactor-go/resources/internal/wiretest"
	"github.com/prefactordev/prefactor-go/resources/list"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestOperationsSendTheGoldenRequests(t *testing.T) {
	t.Parallel()
	const one = `{"status":"success","details":{"id":"agent-1"},"summaries":[]}`
	for _, tt := range []struct {
		name, method, path, golden string
		call                       func(context.Context, *agents.Service, transport.Option) error
	}{
		{"create", "POST", "/agent", "create", func(ctx context.Context, s *agents.Service, key transport.Option) error {
			_, err := s.Create(ctx, agents.CreateParams{
				Name: "billing", Description: "Sends invoices.", ExternalIdentifier: "b-1", ID: "013xrzp12g3nqk8n0000000000000000",
				OwnerPersonID: "person-1", TeamID: "team-1", RiskProfileID: "risk-1",
			}, key)
			return err
		}},
		{"create, the least", "POST", "/agent", "create_least", func(ctx context.Context, s *agents.Service, key transport.Option) error {
			_, err := s.Create(ctx, agents.CreateParams{Name: "billing"}, key)
			return err
		}},
		{"get", "GET", "/agent/agent-1", "", func(ctx context.Context, s *agents.Service, key transport.Option) error {
			_, err := s.Get(ctx, "agent-1", key)
			return err
		}},
		{"show", "GET", "/agent/show", "show", func(ctx context.Context, s *agents.Service, key transport.Option) error {
			_, err := s.Show(ctx, agents.ShowParams{ExternalIdentifier: "b-1", EnvironmentID: "env-1", IncludeCounts: true, IncludeRiskRollup: true}, key)
			return err
		}},
		{"show, the least", "GET", "/agent/show", "show_least", func(ctx context.Context, s *agents.Service, key transport.Option) error {
			_, err := s.Show(ctx, agents.ShowParams{AgentID: "agent-1"}, key)
			return err
		}},
		{"update to values", "PUT", "/agent/agent-1", "update_values", func(ctx context.Context, s *agents.Service, key transport.Option) error {
			_, err := s.Update(ctx, "agent-1", agents.UpdateParams{
				Name: agents.To("billing 2"), Description: agents.To(""), OwnerPersonID: agents.To("person-2"),
				TeamID: agents.To("team-2"), RiskProfileID: agents.To("risk-2"),
			}, key)
			return err
		}},
		{"update to null", "PUT", "/agent/agent-1", "update_nulls", func(ctx context.Context, s *agents.Service, key transport.Option) error {
			_, err := s.Update(ctx, "agent-1", agents.UpdateParams{
				Description: agents.Clear(), OwnerPersonID: agents.Clear(), TeamID: agents.Clear(), RiskProfileID: agents.Clear(),
			}, key)
			return err
		}},
		{"update of one field", "PUT", "/agent/agent-1", "update_one", func(ctx context.Context, s *agents.Service, key transport.Option) error {
			_, err := s.Update(ctx, "agent-1", agents.UpdateParams{TeamID: agents.Clear()}, key)
			return err
		}},
		{"retire", "POST", "/agent/agent-1/retire", "key_alone", func(ctx context.Context, s *agents.Service, key transport.Option) error {
			_, err := s.Retire(ctx, "agent-1", key)
			return err
		}},
		{"reinstate", "POST", "/agent/agent-1/reinstate", "key_alone", func(ctx context.Context, s *agents.Service, key transport.Option) error {
			_, err := s.Reinstate(ctx, "agent-1", key)
			return err
		}},
		{"delete", "DELETE", "/agent/agent-1", "", func(ctx context.Context, s *agents.Service, key transport.Option) error {
			return s.Delete(ctx, "agent-1", key)
		}},
		{"list", "GET", "/agent", "list", func(ctx context.Context, s *agents.Service, key transport.Option) error {
			_, err := s.List(ctx, agents.ListParams{
				Params:        list.Params{Offset: 20, PageSize: 10, Sort: list.Sort{Field: "name", Descending: true}},
				OwnerPersonID: agents.None, TeamID: "team-1", RiskProfileID: "risk-1", EnvironmentID: "env-1",
			}, key)
			return err
		}},
		{"all, the order as one value", "GET", "/agent", "list_bare", func(ctx context.Context, s *agents.Service, key transport.Option) error {
			for _, err := range s.All(ctx, agents.ListParams{Params: list.Params{Sort: list.Sort{Field: "name", Descending: true, Bare: true}}}, key) {
				return err
			}
			return nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client, fake := wiretest.Answering(t, one)
			if err := tt.call(t.Context(), agents.New(client), transport.WithIdempotencyKey(wiretest.Key)); err != nil {
				t.Fatal(err)
			}
			wiretest.CheckSent(t, fake.Journal()[0], tt.method, tt.path, tt.golden)
		})
	}
}

// The API is known to return the deleted agent, a document without it, or nothing.
func TestDeleteTakesEverySuccess(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		status     int
	}{
		{"no content", "", 204},
		{"an empty document", "", 200},
		{"the agent", `{"status":"success","details":{"type":"agent","id":"agent-1"}}`, 200},
		{"a document without it", `{"status":"success"}`, 200},
		{"null", `{"status":"success","details":null}`, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fake := prefactortest.New(prefactortest.WithT(t))
			fake.Inject(prefactortest.On("agents.delete").Reply(tt.status).Body(tt.body))
			if err := agents.New(wiretest.Client(t, fake)).Delete(t.Context(), "agent-1"); err != nil {
				t.Error(err)
			}
		})
	}
	fake := prefactortest.New(prefactortest.WithT(t))
	fake.Inject(prefactortest.On("agents.delete").Reply(200).Body(`{"status":"error","code":"not_found","message":"gone"}`))
	if err := agents.New(wiretest.Client(t, fake)).Delete(t.Context(), "agent-1"); !errors.Is(err, errs.ErrNotFound) {
		t.Errorf("an error document: %v", err)
	}
}

// Nothing is sent for params that are wrong.
func TestWrongParamsAreNotSent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, field string
		call        func(context.Context, *agents.Service) error
	}{
		{"create without a name", "name", func(ctx context.Context, s *agents.Service) error {
			_, err := s.Create(ctx, agents.CreateParams{ExternalIdentifier: "b"})
			return err
		}},
		{"show without an id", "agent_id", func(ctx context.Context, s *agents.Service) error {
			_, err := s.Show(ctx, agents.ShowParams{IncludeCounts: true})
			return err
		}},
		{"show with both ids", "agent_id", func(ctx context.Context, s *agents.Service) error {
			_, err := s.Show(ctx, agents.ShowParams{AgentID: "a", ExternalIdentifier: "b"})
			return err
		}},
		{"update of nothing", "UpdateParams", func(ctx context.Context, s *agents.Service) error {
			_, err := s.Update(ctx, "agent-1", agents.UpdateParams{})
			return err
		}},
		{"update that clears the name", "name", func(ctx context.Context, s *agents.Service) error {
			_, err := s.Update(ctx, "agent-1", agents.UpdateParams{Name: agents.Clear()})
			return err
		}},
		{"update that empties the name", "name", func(ctx context.Context, s *agents.Service) error {
			_, err := s.Update(ctx, "agent-1", agents.UpdateParams{Name: agents.To("")})
			return err
		}},
		{"a page that is too large", "PageSize", func(ctx context.Context, s *agents.Service) error {
			_, err := s.List(ctx, agents.ListParams{Params: list.Params{PageSize: 101}})
			return err
		}},
		{"an empty id", "id", func(ctx context.Context, s *agents.Service) error { return s.Delete(ctx, "") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client, fake := wiretest.Answering(t, `{"details":{"id":"agent-1"}}`)
			err := tt.call(t.Context(), agents.New(client))
			if input, ok := errors.AsType[*errs.ClientError](err); !ok || input.Field != tt.field {
				t.Errorf("got %v, want a ClientError about %s", err, tt.field)
			}
			if n := len(fake.Journal()); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
}
