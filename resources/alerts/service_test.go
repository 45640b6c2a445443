package alerts_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/alerts"
	"github.com/prefactordev/prefactor-go/resources/internal/wiretest"
	"github.com/prefactordev/prefactor-go/resources/list"
	"github.com/prefactordev/prefactor-go/transport"
)

var at = time.Date(2026, 4, 13, 0, 46, 31, 218e6, time.FixedZone("CEST", 2*60*60))

func TestOperationsSendTheGoldenRequests(t *testing.T) {
	t.Parallel()
	const one = `{"status":"success","details":{"id":"alert-1"},"summaries":[],"count":3}`
	for _, tt := range []struct {
		name, method, path, golden string
		call                       func(context.Context, *alerts.Service, transport.Option) error
	}{
		{"raise", "POST", "/alerts/raise", "raise", func(ctx context.Context, s *alerts.Service, key transport.Option) error {
			_, err := s.Raise(ctx, alerts.RaiseParams{
				AgentInstanceID: "inst-1", Name: "over_budget", Severity: alerts.Critical,
				Payload: map[string]any{"spent": 12.5, "limit": 10}, RaisedAt: at, PayloadSensitiveEncoding: true,
			}, key)
			return err
		}},
		{"raise, the least", "POST", "/alerts/raise", "raise_least", func(ctx context.Context, s *alerts.Service, key transport.Option) error {
			_, err := s.Raise(ctx, alerts.RaiseParams{AgentInstanceID: "inst-1", Name: "over_budget", Severity: alerts.Info}, key)
			return err
		}},
		{"clear", "POST", "/alerts/clear", "clear", func(ctx context.Context, s *alerts.Service, key transport.Option) error {
			_, err := s.Clear(ctx, alerts.ClearParams{
				AgentInstanceID: "inst-1", Name: "over_budget", Severity: alerts.Warning,
				Payload: struct {
					Spent float64 `json:"spent"`
				}{8}, ClearedAt: at, PayloadSensitiveEncoding: true,
			}, key)
			return err
		}},
		{"clear, the least", "POST", "/alerts/clear", "clear_least", func(ctx context.Context, s *alerts.Service, key transport.Option) error {
			_, err := s.Clear(ctx, alerts.ClearParams{AgentInstanceID: "inst-1", Name: "over_budget"}, key)
			return err
		}},
		{"get", "GET", "/alerts/alert-1", "", func(ctx context.Context, s *alerts.Service, key transport.Option) error {
			_, err := s.Get(ctx, "alert-1", key)
			return err
		}},
		{"list", "GET", "/alerts", "list", func(ctx context.Context, s *alerts.Service, key transport.Option) error {
			_, err := s.List(ctx, alerts.ListParams{
				Params:          list.Params{Offset: 5, PageSize: 5, Sort: list.Sort{Field: "timestamp"}},
				AgentInstanceID: "inst-1", AgentID: "agent-1", EnvironmentID: "env-1", Status: alerts.Raised, Severity: alerts.Error,
				Name: "over_budget", ActiveFrom: at, ActiveUntil: at.Add(time.Hour),
			}, key)
			return err
		}},
		{"all, the order as one value", "GET", "/alerts", "list_bare", func(ctx context.Context, s *alerts.Service, key transport.Option) error {
			for _, err := range s.All(ctx, alerts.ListParams{Params: list.Params{Sort: list.Sort{Field: "name", Bare: true}}}, key) {
				return err
			}
			return nil
		}},
		{"count", "GET", "/alerts/count", "count", func(ctx context.Context, s *alerts.Service, key transport.Option) error {
			n, err := s.Count(ctx, alerts.CountParams{Status: alerts.Cleared, Severity: alerts.Warning}, key)
			if err == nil && n != 3 {
				err = errors.New("the count isn't 3")
			}
			return err
		}},
		{"count of all", "GET", "/alerts/count", "", func(ctx context.Context, s *alerts.Service, key transport.Option) error {
			_, err := s.Count(ctx, alerts.CountParams{}, key)
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // where it is the year 2000
				client, fake := wiretest.Answering(t, one)
				if err := tt.call(t.Context(), alerts.New(client), transport.WithIdempotencyKey(wiretest.Key)); err != nil {
					t.Fatal(err)
				}
				wiretest.CheckSent(t, fake.Journal()[0], tt.method, tt.path, tt.golden)
			})
		})
	}
}

// The error names everything that is wrong, and nothing is sent.
func TestWrongParamsAreNotSent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		fields []string
		call   func(context.Context, *alerts.Service) error
	}{
		{"an empty raise", []string{"agent_instance_id", "name", "severity"}, func(ctx context.Context, s *alerts.Service) error {
			_, err := s.Raise(ctx, alerts.RaiseParams{})
			return err
		}},
		{"a raise with an odd severity and payload", []string{"severity", "payload"}, func(ctx context.Context, s *alerts.Service) error {
			_, err := s.Raise(ctx, alerts.RaiseParams{AgentInstanceID: "i", Name: "n", Severity: "fatal", Payload: []int{1}})
			return err
		}},
		{"an empty clear", []string{"agent_instance_id", "name"}, func(ctx context.Context, s *alerts.Service) error {
			_, err := s.Clear(ctx, alerts.ClearParams{})
			return err
		}},
		{"a clear with an odd severity and payload", []string{"severity", "payload"}, func(ctx context.Context, s *alerts.Service) error {
			_, err := s.Clear(ctx, alerts.ClearParams{AgentInstanceID: "i", Name: "n", Severity: "fatal", Payload: "text"})
			return err
		}},
		{"an empty id", []string{"id"}, func(ctx context.Context, s *alerts.Service) error {
			_, err := s.Get(ctx, "")
			return err
		}},
		{"a negative offset", []string{"Offset"}, func(ctx context.Context, s *alerts.Service) error {
			_, err := s.List(ctx, alerts.ListParams{Params: list.Params{Offset: -1}})
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client, fake := wiretest.Answering(t, `{"details":{"id":"alert-1"}}`)
			err := tt.call(t.Context(), alerts.New(client))
			if got := wiretest.Fields(err); !slices.Equal(got, tt.fields) {
				t.Errorf("the error is about %q, want %q: %v", got, tt.fields, err)
			}
			if n := len(fake.Journal()); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
}

func TestACountThatIsNoNumberIsAContractError(t *testing.T) {
	t.Parallel()
	for _, document := range []string{`{"status":"success"}`, `{"count":null}`, `{"count":"3"}`, `{"details":{"count":3}}`} {
		client, _ := wiretest.Answering(t, document)
		n, err := alerts.New(client).Count(t.Context(), alerts.CountParams{})
		if n != 0 || !errors.Is(err, errs.ErrContract) || !strings.Contains(err.Error(), "count") {
			t.Errorf("%s: %d, %v", document, n, err)
		}
	}
}
