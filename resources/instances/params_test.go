package instances_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestInputIsCheckedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	register := func(p instances.RegisterParams, options ...transport.Option) func(context.Context, *instances.Service) error {
		return func(ctx context.Context, s *instances.Service) error {
			_, err := s.Register(ctx, p, options...)
			return err
		}
	}
	schemas := func(v instances.AgentSchemaVersion) func(context.Context, *instances.Service) error {
		return register(instances.RegisterParams{AgentSchemaVersion: &v})
	}
	start := func(id string, p instances.StartParams) func(context.Context, *instances.Service) error {
		return func(ctx context.Context, s *instances.Service) error {
			_, err := s.Start(ctx, id, p)
			return err
		}
	}
	finish := func(id string, p instances.FinishParams) func(context.Context, *instances.Service) error {
		return func(ctx context.Context, s *instances.Service) error {
			_, err := s.Finish(ctx, id, p)
			return err
		}
	}
	show := func(p instances.ShowParams) func(context.Context, *instances.Service) error {
		return func(ctx context.Context, s *instances.Service) error {
			_, err := s.Show(ctx, p)
			return err
		}
	}
	quality := func(name string, payload any) func(context.Context, *instances.Service) error {
		return func(ctx context.Context, s *instances.Service) error {
			_, err := s.RecordQuality(ctx, "i", name, payload)
			return err
		}
	}
	tests := []struct {
		name, field string
		call        func(context.Context, *instances.Service) error
	}{
		{"start without an id", "id", start("", instances.StartParams{})},
		{"start with an id that leads to another path", "id", start("..", instances.StartParams{})},
		{"terminate without a reason", "reason", func(ctx context.Context, s *instances.Service) error {
			_, err := s.Terminate(ctx, "i", instances.TerminateParams{})
			return err
		}},
		{"show without an id", "agent_instance_id", show(instances.ShowParams{})},
		{"show with two ids", "agent_instance_id", show(instances.ShowParams{InstanceID: "i", ExternalIdentifier: "e"})},
		{"a quality record without a name", "name", quality("", map[string]any{})},
		{"a quality record that is a list", "payload", quality("answer", []int{1})},
		{"a quality record that is nil", "payload", quality("answer", nil)},
		{"finish without an id", "id", finish("", instances.FinishParams{})},
		{"finish as pending", "status", finish("i", instances.FinishParams{Status: instances.Pending})},
		{"finish as active", "status", finish("i", instances.FinishParams{Status: instances.Active})},
		{"finish as terminated", "status", finish("i", instances.FinishParams{Status: instances.Terminated})},
		{"finish with an unknown status", "status", finish("i", instances.FinishParams{Status: "done"})},
		{"a time that RFC 3339 can't express", "timestamp", start("i", instances.StartParams{Timestamp: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)})},
		{"an empty key", "idempotency key", register(instances.RegisterParams{}, transport.WithIdempotencyKey(""))},
		{"a key of 65 characters", "idempotency key", register(instances.RegisterParams{}, transport.WithIdempotencyKey(strings.Repeat("a", 65)))},
		{"span types beside span schemas", "agent_schema_version.span_type_schemas", schemas(instances.AgentSchemaVersion{
			SpanTypeSchemas: []instances.SpanTypeSchema{{Name: "a"}}, SpanSchemas: map[string]any{"a": object}})},
		{"span types beside span result schemas", "agent_schema_version.span_type_schemas", schemas(instances.AgentSchemaVersion{
			SpanTypeSchemas: []instances.SpanTypeSchema{{Name: "a"}}, SpanResultSchemas: map[string]any{"a": object}})},
		{"span result schemas alone", "agent_schema_version.span_result_schemas", schemas(instances.AgentSchemaVersion{
			SpanResultSchemas: map[string]any{"a": object}})},
		{"a span type without a name", "agent_schema_version.span_type_schemas[1].name", schemas(instances.AgentSchemaVersion{
			SpanTypeSchemas: []instances.SpanTypeSchema{{Name: "a"}, {ParamsSchema: object}}})},
		{"a params schema that is a list", "agent_schema_version.span_type_schemas[0].params_schema", schemas(instances.AgentSchemaVersion{
			SpanTypeSchemas: []instances.SpanTypeSchema{{Name: "a", ParamsSchema: []int{1}}}})},
		{"a result schema that is a string", "agent_schema_version.span_type_schemas[0].result_schema", schemas(instances.AgentSchemaVersion{
			SpanTypeSchemas: []instances.SpanTypeSchema{{Name: "a", ResultSchema: "{}"}}})},
		{"a quality schema without a name", "agent_schema_version.quality_schemas[0].name", schemas(instances.AgentSchemaVersion{
			QualitySchemas: []instances.QualitySchema{{Schema: object}}})},
		{"a quality schema that is a number", "agent_schema_version.quality_schemas[0].schema", schemas(instances.AgentSchemaVersion{
			QualitySchemas: []instances.QualitySchema{{Name: "a", Schema: 5}}})},
		{"a span schema that is null", "agent_schema_version.span_schemas.b", schemas(instances.AgentSchemaVersion{
			SpanSchemas: map[string]any{"a": object, "b": nil}})},
		{"a span result schema that is broken", "agent_schema_version.span_result_schemas.a", schemas(instances.AgentSchemaVersion{
			SpanSchemas: map[string]any{"a": object}, SpanResultSchemas: map[string]any{"a": json.RawMessage(`{"a":`)}})},
		{"a schema with an infinite number", "agent_schema_version.span_type_schemas[0].params_schema.max", schemas(instances.AgentSchemaVersion{
			SpanTypeSchemas: []instances.SpanTypeSchema{{Name: "a", ParamsSchema: map[string]any{"max": math.Inf(1)}}}})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			service, fake := answering(t, `{"status":"success","details":{"id":"i"}}`)
			err := test.call(t.Context(), service)
			fault, ok := errors.AsType[*errs.ClientError](err)
			if !ok {
				t.Fatalf("got %v, want a ClientError", err)
			}
			if fault.Field != test.field {
				t.Errorf("Field = %q, want %q (%v)", fault.Field, test.field, err)
			}
			if _, ok := errors.AsType[*errs.Error](err); !ok || errs.MaybeApplied(err) {
				t.Errorf("%T doesn't say that nothing was applied", err)
			}
			if n := len(fake.Journal()); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
}

func TestAllowedInput(t *testing.T) {
	t.Parallel()
	service, _ := answering(t, `{"status":"success","details":{"id":"i"}}`)
	for _, status := range []instances.Status{"", instances.Complete, instances.Failed, instances.Cancelled} {
		if _, err := service.Finish(t.Context(), "i", instances.FinishParams{Status: status}); err != nil {
			t.Errorf("finish as %q: %v", status, err)
		}
	}
	for _, key := range []string{"a", strings.Repeat("a", 64)} {
		if _, err := service.Register(t.Context(), instances.RegisterParams{}, transport.WithIdempotencyKey(key)); err != nil {
			t.Errorf("key of %d characters: %v", len(key), err)
		}
	}
	// The server may know a purpose that this version doesn't.
	if _, err := service.Register(t.Context(), instances.RegisterParams{Purpose: "drill"}); err != nil {
		t.Errorf("unknown purpose: %v", err)
	}
}

func TestWithDefaultsKeepsFieldsThatAreSet(t *testing.T) {
	t.Parallel()
	if p := (instances.RegisterParams{}).WithDefaults(); !*p.UpdateCurrentVersion {
		t.Error("UpdateCurrentVersion is false by default")
	}
	if p := (instances.RegisterParams{UpdateCurrentVersion: new(false)}).WithDefaults(); *p.UpdateCurrentVersion {
		t.Error("UpdateCurrentVersion was set to false and became true")
	}
}
