package spans_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources/internal/wiretest"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// answering returns a Service on a fake that returns document for every call, and
// the fake.
func answering(t *testing.T, document string) (*spans.Service, *prefactortest.Fake) {
	t.Helper()
	client, fake := wiretest.Answering(t, document)
	return spans.New(client), fake
}

var (
	started  = time.Date(2026, 4, 13, 0, 46, 31, 218e6, time.FixedZone("CEST", 2*60*60))
	finished = time.Date(2026, 4, 12, 22, 46, 32, 1, time.UTC)
)

func TestOperationsSendTheGoldenBodies(t *testing.T) {
	t.Parallel()
	type call func(context.Context, *spans.Service, transport.Option) (*spans.Span, error)
	tests := []struct {
		golden, path string
		call         call
	}{
		{"create", "/agent_spans", func(ctx context.Context, s *spans.Service, key transport.Option) (*spans.Span, error) {
			return s.Create(ctx, spans.CreateParams{
				AgentInstanceID: "inst-1",
				SchemaName:      "app:llm",
				Status:          spans.Failed,
				Payload:         map[string]any{"b": "ü", "a": []int64{1, 1<<53 + 1}},
				ResultPayload: struct {
					Tokens uint64 `json:"tokens"`
					Text   string `json:"text"`
				}{1<<64 - 1, "sorry"},
				ID:                "013xrzp12g3nqk8n0000000000000000",
				ParentSpanID:      "span-0",
				StartedAt:         started,
				FinishedAt:        finished,
				SensitiveEncoding: true,
			}, key)
		}},
		{"create_least", "/agent_spans", func(ctx context.Context, s *spans.Service, key transport.Option) (*spans.Span, error) {
			return s.Create(ctx, spans.CreateParams{AgentInstanceID: "inst-1", SchemaName: "app:llm"}, key)
		}},
		{"finish", "/agent_spans/span-1/finish", func(ctx context.Context, s *spans.Service, key transport.Option) (*spans.Span, error) {
			return s.Finish(ctx, "span-1", spans.FinishParams{
				Status:            spans.Cancelled,
				ResultPayload:     rawjson.Object(`{"n": 1e400}`),
				Timestamp:         finished,
				SensitiveEncoding: true,
			}, key)
		}},
		{"finish_least", "/agent_spans/span-1/finish", func(ctx context.Context, s *spans.Service, key transport.Option) (*spans.Span, error) {
			return s.Finish(ctx, "span-1", spans.FinishParams{}, key)
		}},
		{"create_pending", "/agent_spans", func(ctx context.Context, s *spans.Service, key transport.Option) (*spans.Span, error) {
			return s.Create(ctx, spans.CreateParams{AgentInstanceID: "inst-1", SchemaName: "app:llm", Status: spans.Pending}, key)
		}},
		{"create_ended", "/agent_spans", func(ctx context.Context, s *spans.Service, key transport.Option) (*spans.Span, error) {
			return s.Create(ctx, spans.CreateParams{AgentInstanceID: "inst-1", SchemaName: "app:llm", Status: spans.Complete}, key)
		}},
		{"create_ended_then", "/agent_spans", func(ctx context.Context, s *spans.Service, key transport.Option) (*spans.Span, error) {
			return s.Create(ctx, spans.CreateParams{AgentInstanceID: "inst-1", SchemaName: "app:llm", Status: spans.Complete, FinishedAt: finished}, key)
		}},
		{"discard_sensitive", "/agent_spans/span-1/discard_sensitive", func(ctx context.Context, s *spans.Service, key transport.Option) (*spans.Span, error) {
			return s.DiscardSensitive(ctx, "span-1", key)
		}},
	}
	for _, test := range tests {
		t.Run(test.golden, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // where it is the year 2000
				service, fake := answering(t, `{"status":"success","details":{"id":"span-1"}}`)
				span, err := test.call(t.Context(), service, transport.WithIdempotencyKey(wiretest.Key))
				if err != nil {
					t.Fatal(err)
				}
				if span.ID != "span-1" {
					t.Errorf("ID = %q", span.ID)
				}
				wiretest.CheckSent(t, fake.Journal()[0], "POST", test.path, test.golden)
			})
		})
	}
}
