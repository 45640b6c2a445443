package spans_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/internal/wiretest"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// encoded is a value that encodes itself by a method of its pointer.
type encoded struct{ text string }

func (e *encoded) MarshalJSON() ([]byte, error) {
	if e.text == "" {
		return nil, errors.New("no text")
	}
	return []byte(e.text), nil
}

func TestInputIsCheckedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	type call func(context.Context, *spans.Service) error
	create := func(change func(*spans.CreateParams), options ...transport.Option) call {
		return func(ctx context.Context, s *spans.Service) error {
			p := spans.CreateParams{AgentInstanceID: "inst-1", SchemaName: "app:llm"}
			change(&p)
			_, err := s.Create(ctx, p, options...)
			return err
		}
	}
	payload := func(v any) call { return create(func(p *spans.CreateParams) { p.Payload = v }) }
	finish := func(id string, p spans.FinishParams) call {
		return func(ctx context.Context, s *spans.Service) error {
			_, err := s.Finish(ctx, id, p)
			return err
		}
	}
	tests := []struct {
		name, field string
		call        call
	}{
		{"create without an instance", "agent_instance_id", create(func(p *spans.CreateParams) { p.AgentInstanceID = "" })},
		{"create without a schema", "schema_name", create(func(p *spans.CreateParams) { p.SchemaName = "" })},
		{"create with a status that only instances have", "status", create(func(p *spans.CreateParams) { p.Status = "terminated" })},
		{"create with an unknown status", "status", create(func(p *spans.CreateParams) { p.Status = "done" })},
		{"a result on an active span by default", "result_payload", create(func(p *spans.CreateParams) { p.ResultPayload = struct{}{} })},
		{"a result on an active span", "result_payload", create(func(p *spans.CreateParams) { p.Status, p.ResultPayload = spans.Active, struct{}{} })},
		{"a result on a pending span", "result_payload", create(func(p *spans.CreateParams) { p.Status, p.ResultPayload = spans.Pending, struct{}{} })},
		{"a result that is a list", "result_payload", create(func(p *spans.CreateParams) { p.Status, p.ResultPayload = spans.Complete, []string{} })},
		{"a time that RFC 3339 can't express", "started_at", create(func(p *spans.CreateParams) { p.StartedAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) })},
		{"a key of 65 characters", "idempotency key", create(func(*spans.CreateParams) {}, transport.WithIdempotencyKey(strings.Repeat("a", 65)))},

		{"a payload that is a string", "payload", payload("text")},
		{"a payload that is a number", "payload", payload(5)},
		{"a payload that is a boolean", "payload", payload(true)},
		{"a payload that is a list", "payload", payload([]map[string]any{{}})},
		{"a payload that is a nil pointer", "payload", payload((*encoded)(nil))},
		{"a payload that is a channel", "payload", payload(make(chan int))},
		{"a payload that encodes to a string", "payload", payload(time.Time{})},
		{"a payload whose pointer encodes to a string", "payload", payload(encoded{`"text"`})},
		{"a payload that appends itself as a string", "payload", payload(netip.Addr{})},
		{"a payload that fails to encode", "payload", payload(&encoded{})},
		{"JSON text that is a list", "payload", payload(jsontext.Value(`[]`))},
		{"JSON text that is broken", "payload", payload(json.RawMessage(`{"a":}`))},
		{"JSON text with more after it", "payload", payload(json.RawMessage(`{} {}`))},
		{"a member that can't be encoded", "payload.a.b[1]", payload(map[string]any{"a": map[string]any{"b": []any{1, func() {}}}})},
		{"a member that is NaN", "payload.n", payload(struct {
			N float64 `json:"n"`
		}{math.NaN()})},

		{"finish without an id", "id", finish("", spans.FinishParams{})},
		{"finish as active", "status", finish("s", spans.FinishParams{Status: spans.Active})},
		{"finish as pending", "status", finish("s", spans.FinishParams{Status: spans.Pending})},
		{"finish as terminated", "status", finish("s", spans.FinishParams{Status: "terminated"})},
		{"finish with a result that is a string", "result_payload", finish("s", spans.FinishParams{ResultPayload: "42"})},
		{"finish with a result that can't be encoded", "result_payload.f", finish("s", spans.FinishParams{ResultPayload: map[string]any{"f": func() {}}})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			service, fake := answering(t, `{"status":"success","details":{"id":"s"}}`)
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

func TestTheErrorNamesAllThatIsWrong(t *testing.T) {
	t.Parallel()
	service, fake := answering(t, `{"details":{"id":"s"}}`)
	_, err := service.Create(t.Context(), spans.CreateParams{Status: "done", Payload: 5, ResultPayload: "text"})
	if got := wiretest.Fields(err); !slices.Equal(got, []string{"agent_instance_id", "schema_name", "status", "payload", "result_payload"}) {
		t.Errorf("create: the error is about %q: %v", got, err)
	}
	_, err = service.Finish(t.Context(), "s", spans.FinishParams{Status: "done", ResultPayload: "text"})
	if got := wiretest.Fields(err); !slices.Equal(got, []string{"status", "result_payload"}) {
		t.Errorf("finish: the error is about %q: %v", got, err)
	}
	if n := len(fake.Journal()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestAllowedPayloads(t *testing.T) {
	t.Parallel()
	type own struct {
		A int `json:"a"`
	}
	pointer := &own{1}
	tests := []struct {
		name    string
		payload any
		want    string
	}{
		{"nil", nil, `{}`},
		{"a map", map[string]any{"b": 2, "a": 1}, `{"a":1,"b":2}`},
		{"a nil map", map[string]any(nil), `{}`},
		{"a map of another type", map[string]int{"a": 1}, `{"a":1}`},
		{"a map with numbers as keys", map[int]string{7: "x"}, `{"7":"x"}`},
		{"a struct", own{1}, `{"a":1}`},
		{"a pointer to a struct", pointer, `{"a":1}`},
		{"a pointer to a pointer", &pointer, `{"a":1}`},
		{"an Object from the API", rawjson.Object(`{"a":1.0}`), `{"a":1.0}`},
		{"JSON text", jsontext.Value(` { "a" : 1 } `), `{"a":1}`},
		{"JSON text as the standard library's type", json.RawMessage(`{"a":1}`), `{"a":1}`},
		{"a pointer that encodes itself", &encoded{`{"a":1}`}, `{"a":1}`},
		{"a value whose pointer encodes it", encoded{`{"a":1}`}, `{"a":1}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			service, fake := answering(t, `{"status":"success","details":{"id":"s"}}`)
			_, err := service.Create(t.Context(), spans.CreateParams{AgentInstanceID: "i", SchemaName: "n", Status: spans.Pending, Payload: test.payload})
			if err != nil {
				t.Fatal(err)
			}
			want := `{"details":{"agent_instance_id":"i","schema_name":"n","status":"pending","payload":` + test.want + `}}`
			if got := string(fake.Journal()[0].Body); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestAllowedStatuses(t *testing.T) {
	t.Parallel()
	service, _ := answering(t, `{"status":"success","details":{"id":"s"}}`)
	for _, status := range []spans.Status{"", spans.Pending, spans.Active, spans.Complete, spans.Failed, spans.Cancelled} {
		if _, err := service.Create(t.Context(), spans.CreateParams{AgentInstanceID: "i", SchemaName: "n", Status: status}); err != nil {
			t.Errorf("create as %q: %v", status, err)
		}
	}
	for _, status := range []spans.Status{spans.Complete, spans.Failed, spans.Cancelled} {
		p := spans.CreateParams{AgentInstanceID: "i", SchemaName: "n", Status: status, ResultPayload: struct{}{}}
		if _, err := service.Create(t.Context(), p); err != nil {
			t.Errorf("create as %q with a result: %v", status, err)
		}
	}
	for _, status := range []spans.Status{"", spans.Complete, spans.Failed, spans.Cancelled} {
		if _, err := service.Finish(t.Context(), "s", spans.FinishParams{Status: status, ResultPayload: struct{}{}}); err != nil {
			t.Errorf("finish as %q: %v", status, err)
		}
	}
}

// The payloads of one span can be sent in another, also those that it doesn't have.
func TestANilObjectIsNoPayload(t *testing.T) {
	t.Parallel()
	var none rawjson.Object
	created := spans.CreateParams{AgentInstanceID: "i", SchemaName: "s", Payload: none, ResultPayload: none}.WithDefaults()
	if created.Validate() != nil || fmt.Sprint(created.Payload) != "{}" || created.ResultPayload != nil {
		t.Errorf("create became %+v, %v", created, created.Validate())
	}
	if finished := (spans.FinishParams{ResultPayload: none}).WithDefaults(); finished.Validate() != nil || finished.ResultPayload != nil {
		t.Errorf("finish became %+v", finished)
	}
}
