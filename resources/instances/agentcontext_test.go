package instances_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

func TestAnAgentContextIsDecoded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, document string
		want           *instances.AgentContext // nil for a ContractError
	}{
		{"whole", `{"status":"success","agent_context":{"body":{"n":9007199254740993},"generated_at":"2026-04-13T00:46:30Z","span_count":7,"new":1}}`,
			&instances.AgentContext{Body: rawjson.Object(`{"n":9007199254740993}`), GeneratedAt: time.Date(2026, 4, 13, 0, 46, 30, 0, time.UTC), SpanCount: 7}},
		{"odd members", `{"agent_context":{"body":[1],"generated_at":7,"span_count":"7"}}`, &instances.AgentContext{Body: rawjson.Object(`[1]`)}},
		{"empty", `{"agent_context":{}}`, &instances.AgentContext{}},
		{"null", `{"agent_context":null}`, nil},
		{"under details", `{"details":{"agent_context":{"body":{}}}}`, nil},
		{"absent", `{"status":"success"}`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			service, _ := answering(t, tt.document)
			got, err := service.AgentContext(t.Context(), "i")
			if !reflect.DeepEqual(got, tt.want) || errors.Is(err, errs.ErrContract) != (tt.want == nil) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestTheFakeHasAgentContexts(t *testing.T) {
	onFakes(t, func(t *testing.T, _ *prefactortest.Fake, s *instances.Service) {
		run := register(t, s, "")
		got, err := s.AgentContext(t.Context(), run.ID)
		if err != nil || len(got.Body) == 0 || got.GeneratedAt.IsZero() || got.SpanCount != 0 {
			t.Errorf("got %+v, %v", got, err)
		}
		if _, err := s.AgentContext(t.Context(), "unknown"); !errors.Is(err, errs.ErrNotFound) {
			t.Errorf("an unknown run: %v", err)
		}
	})
}
