package instances_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/internal/wiretest"
	"github.com/prefactordev/prefactor-go/transport"
)

// answering returns a Service on a fake that returns document for every call, and
// the fake.
func answering(t *testing.T, document string) (*instances.Service, *prefactortest.Fake) {
	t.Helper()
	client, fake := wiretest.Answering(t, document)
	return instances.New(client), fake
}

var (
	local   = time.Date(2026, 4, 13, 0, 46, 31, 218e6, time.FixedZone("CEST", 2*60*60))
	precise = time.Date(2026, 4, 12, 22, 46, 31, 218e6+1, time.UTC)
	object  = map[string]any{"type": "object"}
)

func TestOperationsSendTheGoldenBodies(t *testing.T) {
	t.Parallel()
	tests := []struct {
		golden, path string
		call         func(context.Context, *instances.Service, transport.Option) (*instances.Instance, error)
	}{
		{"register", "/agent_instance/register", func(ctx context.Context, s *instances.Service, key transport.Option) (*instances.Instance, error) {
			return s.Register(ctx, instances.RegisterParams{
				AgentID:            "agent-1",
				EnvironmentID:      "env-1",
				ID:                 "013xrzp12g3nqk8n0000000000000000",
				ExternalIdentifier: "nightly-42",
				Purpose:            instances.Eval,
				AgentVersion: &instances.AgentVersion{
					ExternalIdentifier: "1.4.2",
					Name:               "billing",
					Description:        "Sends invoices.",
					RuntimeEnvironment: &instances.RuntimeEnvironment{AgentSDK: []string{"langchaingo@1.2.0"}, OS: "linux"},
				},
				AgentSchemaVersion: &instances.AgentSchemaVersion{
					ExternalIdentifier: "s1",
					SpanTypeSchemas: []instances.SpanTypeSchema{{
						Name:         "app:llm",
						ParamsSchema: object,
						ResultSchema: jsontext.Value(`{"type": "object", "required": ["text"]}`),
						Title:        "Model call",
						Description:  "One call of the model.",
						Template:     "{{ model }}",
						DataRisk: &instances.DataRisk{
							ActionProfile: instances.ActionProfile{ReadData: instances.Allowed, DestroyData: instances.Disallowed},
							ParamsDataCategories: instances.DataCategories{
								Classification:           instances.Confidential,
								PersonalIdentifiers:      instances.Included,
								AuthenticationAndSecrets: instances.Excluded,
							},
						},
					}},
					QualitySchemas: []instances.QualitySchema{{
						Name:        "answer",
						Schema:      object,
						Title:       "Answer",
						Description: "How good the answer is.",
						Template:    "{{score}}",
					}},
				},
				UpdateCurrentVersion: new(false),
			}, key)
		}},
		{"register_least", "/agent_instance/register", func(ctx context.Context, s *instances.Service, key transport.Option) (*instances.Instance, error) {
			return s.Register(ctx, instances.RegisterParams{}, key)
		}},
		{"register_legacy_schemas", "/agent_instance/register", func(ctx context.Context, s *instances.Service, key transport.Option) (*instances.Instance, error) {
			return s.Register(ctx, instances.RegisterParams{
				AgentID: "agent-1",
				AgentSchemaVersion: &instances.AgentSchemaVersion{
					SpanSchemas:       map[string]any{"b": struct{}{}, "a": object},
					SpanResultSchemas: map[string]any{"a": object},
				},
			}, key)
		}},
		{"start", "/agent_instance/inst-1/start", func(ctx context.Context, s *instances.Service, key transport.Option) (*instances.Instance, error) {
			return s.Start(ctx, "inst-1", instances.StartParams{Timestamp: local}, key)
		}},
		{"start_least", "/agent_instance/inst-1/start", func(ctx context.Context, s *instances.Service, key transport.Option) (*instances.Instance, error) {
			return s.Start(ctx, "inst-1", instances.StartParams{}, key)
		}},
		{"finish", "/agent_instance/inst-1/finish", func(ctx context.Context, s *instances.Service, key transport.Option) (*instances.Instance, error) {
			return s.Finish(ctx, "inst-1", instances.FinishParams{Status: instances.Failed, Timestamp: precise}, key)
		}},
		{"finish_least", "/agent_instance/inst-1/finish", func(ctx context.Context, s *instances.Service, key transport.Option) (*instances.Instance, error) {
			return s.Finish(ctx, "inst-1", instances.FinishParams{}, key)
		}},
		{"terminate", "/agent_instance/inst-1/terminate", func(ctx context.Context, s *instances.Service, key transport.Option) (*instances.Instance, error) {
			return s.Terminate(ctx, "inst-1", instances.TerminateParams{Reason: "over budget"}, key)
		}},
		{"record_quality", "/agent_instance/inst-1/record_quality", func(ctx context.Context, s *instances.Service, key transport.Option) (*instances.Instance, error) {
			return s.RecordQuality(ctx, "inst-1", "answer", struct {
				Score int `json:"score"`
			}{5}, key)
		}},
		{"remove_quality", "/agent_instance/inst-1/record_quality", func(ctx context.Context, s *instances.Service, key transport.Option) (*instances.Instance, error) {
			return s.RemoveQuality(ctx, "inst-1", "answer", key)
		}},
	}
	for _, test := range tests {
		t.Run(test.golden, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // where it is the year 2000
				service, fake := answering(t, `{"status":"success","details":{"id":"inst-1"}}`)
				instance, err := test.call(t.Context(), service, transport.WithIdempotencyKey(wiretest.Key))
				if err != nil {
					t.Fatal(err)
				}
				if instance.ID != "inst-1" {
					t.Errorf("ID = %q", instance.ID)
				}
				wiretest.CheckSent(t, fake.Journal()[0], "POST", test.path, test.golden)
			})
		})
	}
}
