package spans_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// finish sends a call for which the server returns document.
func finish(t *testing.T, document string) (*spans.Span, error) {
	t.Helper()
	service, _ := answering(t, document)
	return service.Finish(t.Context(), "span-1", spans.FinishParams{})
}

func TestAWholeSpanIsDecoded(t *testing.T) {
	t.Parallel()
	got, err := finish(t, `{"status":"success","details":{
		"type":"agent_span","id":"span-1","account_id":"acct-1","agent_id":"agent-1","agent_instance_id":"inst-1",
		"parent_span_id":"span-0","schema_name":"app:llm","schema_title":"Model call","purpose":"quality","status":"complete",
		"payload":{"tool":"search","n":9007199254740993},"result_payload":{"answer": 42},
		"payload_byte_size_estimate":9007199254740993,"sensitive_encoding":true,"summary":"searched",
		"risk_level":"high","risk_score":7.5,"data_risk":{"action_profile":{"read_data":"allowed"}},
		"inserted_at":"2026-04-13T00:46:30Z","updated_at":"2026-04-13T00:46:33Z","started_at":"2026-04-13T00:46:31Z","finished_at":"2026-04-13T00:46:32Z"
	}}`)
	if err != nil {
		t.Fatal(err)
	}
	second := func(n int) time.Time { return time.Date(2026, 4, 13, 0, 46, n, 0, time.UTC) }
	want := spans.Span{
		Type: "agent_span", ID: "span-1", AccountID: "acct-1", AgentID: "agent-1", AgentInstanceID: "inst-1",
		ParentSpanID: "span-0", SchemaName: "app:llm", SchemaTitle: "Model call", Purpose: spans.Quality, Status: spans.Complete,
		Payload:                 rawjson.Object(`{"tool":"search","n":9007199254740993}`),
		ResultPayload:           rawjson.Object(`{"answer":42}`),
		PayloadByteSizeEstimate: 9007199254740993, SensitiveEncoding: true, Summary: "searched",
		RiskLevel: spans.RiskHigh, RiskScore: new(7.5), DataRisk: rawjson.Object(`{"action_profile":{"read_data":"allowed"}}`),
		InsertedAt: second(30), UpdatedAt: second(33), StartedAt: second(31), FinishedAt: second(32),
	}
	gotText, _ := json.Marshal(got)
	wantText, _ := json.Marshal(want)
	if string(gotText) != string(wantText) {
		t.Errorf("got  %s\nwant %s", gotText, wantText)
	}
}

func TestPayloadsComeBackWithEveryDigit(t *testing.T) {
	t.Parallel()
	got, err := finish(t, `{"details":{"id":"s","payload":{"n":9007199254740993,"pi":3.14159265358979323846264338327950288}}}`)
	if err != nil {
		t.Fatal(err)
	}
	var payload struct {
		N int64 `json:"n"`
	}
	if err := got.Payload.Decode(&payload); err != nil || payload.N != 9007199254740993 {
		t.Errorf("Decode: %+v, %v", payload, err)
	}
	if !strings.Contains(got.Payload.String(), "3.14159265358979323846264338327950288") {
		t.Errorf("String() = %s", got.Payload)
	}
}

func TestAPayloadCanBeSentAgain(t *testing.T) {
	t.Parallel()
	const payload = `{"n":9007199254740993,"b":{"z":1,"a":1e400}}`
	got, err := finish(t, `{"details":{"id":"s","payload":`+payload+`}}`)
	if err != nil {
		t.Fatal(err)
	}
	service, fake := answering(t, `{"details":{"id":"s"}}`)
	if _, err := service.Create(t.Context(), spans.CreateParams{AgentInstanceID: "i", SchemaName: "n", Payload: got.Payload}); err != nil {
		t.Fatal(err)
	}
	if body := string(fake.Journal()[0].Body); !strings.Contains(body, `"payload":`+payload) {
		t.Errorf("sent %s", body)
	}
}

func TestMissingUnknownAndOddFieldsAreNoError(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, details string
		want          spans.Span
	}{
		{"an id alone", `{"id":"s"}`, spans.Span{ID: "s"}},
		{"every field null", `{"id":"s",` + nulls() + `}`, spans.Span{ID: "s"}},
		{"an unknown field", `{"id":"s","colour":[{"a":1}]}`, spans.Span{ID: "s"}},
		{"an unknown status and risk level", `{"id":"s","status":"terminated","risk_level":"none"}`,
			spans.Span{ID: "s", Status: "terminated", RiskLevel: "none"}},
		{"fields of other types", `{"id":"s","status":{},"finished_at":7,"summary":["a"],"risk_score":"0.5","schema_name":"n"}`,
			spans.Span{ID: "s", SchemaName: "n"}},
		{"a payload that isn't an object", `{"id":"s","payload":"text"}`, spans.Span{ID: "s", Payload: rawjson.Object(`"text"`)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := finish(t, `{"status":"success","details":`+test.details+`}`)
			if err != nil {
				t.Fatal(err)
			}
			if raw := string(got.Raw()); raw != test.details {
				t.Errorf("Raw() = %s, want %s", raw, test.details)
			}
			gotText, _ := json.Marshal(got)
			wantText, _ := json.Marshal(test.want)
			if string(gotText) != string(wantText) {
				t.Errorf("got  %s\nwant %s", gotText, wantText)
			}
		})
	}
}

// nulls returns a null for every field of a span except its id.
func nulls() string {
	var members []string
	for field := range reflect.TypeFor[spans.Span]().Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" && name != "id" {
			members = append(members, fmt.Sprintf("%q:null", name))
		}
	}
	return strings.Join(members, ",")
}

func TestControl(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, control string // as a member of the document
		want          *transport.Control
	}{
		{"absent", ``, nil},
		{"null", `,"control":null`, nil},
		{"a string", `,"control":"terminate"`, nil},
		{"a list", `,"control":[true]`, nil},
		{"terminate", `,"control":{"terminate":true,"reason":"budget"}`, &transport.Control{Terminate: true, Reason: "budget"}},
		{"no reason", `,"control":{"terminate":true,"reason":null}`, &transport.Control{Terminate: true}},
		{"go on", `,"control":{"terminate":false,"reason":"x"}`, &transport.Control{Reason: "x"}},
		{"odd members", `,"control":{"terminate":"yes","reason":5,"colour":1}`, &transport.Control{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := finish(t, `{"status":"success","details":{"id":"s","status":5}`+test.control+`}`)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.Control, test.want) {
				t.Errorf("Control = %+v, want %+v", got.Control, test.want)
			}
		})
	}
}

func TestASuccessWithoutASpanIsAContractError(t *testing.T) {
	t.Parallel()
	for _, document := range []string{
		`{"status":"success"}`,
		`{"status":"success","details":null}`,
		`{"status":"success","details":{"status":"active"}}`,
		`{"status":"success","details":[{"id":"s"}]}`,
	} {
		if _, err := finish(t, document); !errors.Is(err, errs.ErrContract) {
			t.Errorf("%s: %v, want a ContractError", document, err)
		}
	}
}

func TestASpanIsDecodedFromADocument(t *testing.T) {
	t.Parallel()
	const document = `{"status":"success","details":{"id":"s","x":1},"control":{"terminate":true}}`
	s, err := transport.DecodeDetails[spans.Span]([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	if s.ID != "s" || string(s.Raw()) != `{"id":"s","x":1}` || string(s.Document()) != document || s.Control == nil || !s.Control.Terminate {
		t.Errorf("got %+v, Raw() = %s, Document() = %s", s, s.Raw(), s.Document())
	}
	if _, err := transport.DecodeDetails[spans.Span]([]byte(`{"status":"error","code":"invalid_action"}`)); !errors.Is(err, errs.ErrConflict) {
		t.Errorf("error document: %v, want a ConflictError", err)
	}
}
