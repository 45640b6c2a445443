package instances_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// start sends a call for which the server returns document.
func start(t *testing.T, document string) (*instances.Instance, error) {
	t.Helper()
	service, _ := answering(t, document)
	return service.Start(t.Context(), "inst-1", instances.StartParams{})
}

func TestAWholeInstanceIsDecoded(t *testing.T) {
	t.Parallel()
	got, err := start(t, `{"status":"success","details":{
		"type":"agent_instance","id":"inst-1","account_id":"acct-1","agent_id":"agent-1","agent_version_id":"ver-1",
		"agent_deployment_id":"dep-1","environment_id":"env-1","external_identifier":"nightly-42","purpose":"eval",
		"status":"terminated","termination_reason":"admin action",
		"inserted_at":"2026-04-13T00:46:30Z","updated_at":"2026-04-13T00:46:33.218000Z",
		"started_at":"2026-04-13T02:46:31+02:00","finished_at":"2026-04-13T00:46:32.000000001Z",
		"span_counts":{"total":9007199254740993,"pending":1,"active":2,"complete":3,"failed":2,"cancelled":1,"finished":6},
		"last_activity_span_at":"2026-04-13T00:46:32Z","raised_alert_count":2,
		"span_schema_counts":{"by_name":{"app:llm":7}},
		"risk_score":{"total_score":0.25,"risk_level":"high","critical_threshold":80,"any_assessable":true,"peak_classification":"secret",
			"all_data_categories":["health_and_medical"],"allowed_actions":["read_data"],
			"per_type":[{"schema_name":"app:llm","count":7,"risk_level":"low","type_score":1.5,"total_contribution":10.5}]},
		"cost_breakdown":{"input":10,"output":20,"cache_read":0,"input_cost":0.5,"output_cost":null,"cache_read_cost":null,"total_cost":0.5,
			"groups":[{"model_name":"m","provider":null,"context_limit":200000,"input":10,"output":20,"cache_read":0,"input_cost":0.5,"output_cost":null,"cache_read_cost":null,"total_cost":0.5}]},
		"quality_payloads":{"answer":{"score":18446744073709551616}},"quality_summaries":{"answer":"good"}
	}}`)
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	if !got.StartedAt.Equal(at("2026-04-13T00:46:31Z")) {
		t.Errorf("StartedAt = %s", got.StartedAt)
	}
	cost := instances.Cost{Input: 10, Output: 20, InputCost: new(0.5), TotalCost: new(0.5)}
	want := instances.Instance{
		Type: "agent_instance", ID: "inst-1", AccountID: "acct-1", AgentID: "agent-1", AgentVersionID: "ver-1",
		AgentDeploymentID: "dep-1", EnvironmentID: "env-1", ExternalIdentifier: "nightly-42", Purpose: instances.Eval,
		Status: instances.Terminated, TerminationReason: "admin action",
		InsertedAt: at("2026-04-13T00:46:30Z"), UpdatedAt: at("2026-04-13T00:46:33.218Z"), FinishedAt: at("2026-04-13T00:46:32.000000001Z"),
		SpanCounts:         &instances.SpanCounts{Total: 9007199254740993, Pending: 1, Active: 2, Complete: 3, Failed: 2, Cancelled: 1, Finished: 6},
		LastActivitySpanAt: at("2026-04-13T00:46:32Z"), RaisedAlertCount: new(int64(2)),
		SpanSchemaCounts: &instances.SpanSchemaCounts{ByName: map[string]int64{"app:llm": 7}},
		RiskScore: &instances.RiskScore{
			TotalScore: 0.25, RiskLevel: spans.RiskHigh, CriticalThreshold: 80, AnyAssessable: true, PeakClassification: instances.Secret,
			AllDataCategories: []string{"health_and_medical"}, AllowedActions: []string{"read_data"},
			PerType: []instances.TypeScore{{SchemaName: "app:llm", Count: 7, RiskLevel: spans.RiskLow, TypeScore: 1.5, TotalContribution: 10.5}},
		},
		CostBreakdown: &instances.CostBreakdown{
			Cost:   cost,
			Groups: []instances.ModelCost{{Cost: cost, ModelName: "m", ContextLimit: new(int64(200000))}},
		},
		QualityPayloads:  map[string]rawjson.Object{"answer": rawjson.Object(`{"score":18446744073709551616}`)},
		QualitySummaries: map[string]string{"answer": "good"},
	}
	// Encoding leaves out Source.
	gotText, _ := json.Marshal(withoutStart(*got), json.Deterministic(true))
	wantText, _ := json.Marshal(want, json.Deterministic(true))
	if string(gotText) != string(wantText) {
		t.Errorf("got  %s\nwant %s", gotText, wantText)
	}
}

func withoutStart(i instances.Instance) instances.Instance {
	i.StartedAt = time.Time{}
	return i
}

func TestMissingUnknownAndOddFieldsAreNoError(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, details string
		want          instances.Instance
	}{
		{"an id alone", `{"id":"i"}`, instances.Instance{ID: "i"}},
		{"every field null", `{"id":"i",` + nulls() + `}`, instances.Instance{ID: "i"}},
		{"an unknown field", `{"id":"i","colour":{"a":[1]}}`, instances.Instance{ID: "i"}},
		{"an unknown status and purpose", `{"id":"i","status":"paused","purpose":"fun"}`,
			instances.Instance{ID: "i", Status: "paused", Purpose: "fun"}},
		{"fields of other types", `{"id":"i","status":5,"started_at":"2026-04-13T00:46:30","agent_id":{"x":1},"span_counts":[],"risk_score":"high","agent_version_id":"v"}`,
			instances.Instance{ID: "i", AgentVersionID: "v"}},
		{"one count of another type", `{"id":"i","span_counts":{"total":"many","active":2}}`,
			instances.Instance{ID: "i", SpanCounts: &instances.SpanCounts{Active: 2}}},
		{"a field twice", `{"id":"i","status":"active","status":"failed"}`, instances.Instance{ID: "i", Status: instances.Failed}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := start(t, `{"status":"success","details":`+test.details+`}`)
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

// nulls returns a null for every field of an instance except its id.
func nulls() string {
	var members []string
	for field := range reflect.TypeFor[instances.Instance]().Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "id" {
			members = append(members, fmt.Sprintf("%q:null", name))
		}
	}
	return strings.Join(members, ",")
}

func TestASuccessWithoutAnInstanceIsAContractError(t *testing.T) {
	t.Parallel()
	for _, document := range []string{
		`{"status":"success"}`,
		`{"status":"success","details":null}`,
		`{"status":"success","details":{}}`,
		`{"status":"success","details":{"id":""}}`,
		`{"status":"success","details":{"id":7}}`,
		`{"status":"success","details":"inst-1"}`,
		`[]`, `"inst-1"`, `<html>`, ``, `{"status":"success","details":{"id":"i"]}`,
	} {
		_, err := start(t, document)
		if !errors.Is(err, errs.ErrContract) {
			t.Errorf("%s: %v, want a ContractError", document, err)
		}
		if !errs.MaybeApplied(err) {
			t.Errorf("%s: MaybeApplied is false, want true", document)
		}
	}
}

func TestDocumentHasTheMembersBesideDetails(t *testing.T) {
	t.Parallel()
	const document = `{"status":"success","details":{"id":"i"},"agent_schema_version":{"id":"sv-1"}}`
	got, err := start(t, document)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Document()) != document {
		t.Errorf("Document() = %s", got.Document())
	}
}

func TestTheZeroInstanceHasNoRawText(t *testing.T) {
	t.Parallel()
	var i instances.Instance
	if i.Raw() != nil || i.Document() != nil {
		t.Errorf("Raw() = %s, Document() = %s", i.Raw(), i.Document())
	}
}

func TestPrintingAnInstanceShowsNoBytes(t *testing.T) {
	t.Parallel()
	got, err := start(t, `{"details":{"id":"i","note":"private"}}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v"} {
		// 112 is the byte 'p', which a printed byte slice would show.
		if text := fmt.Sprintf(format, *got); strings.Contains(text, "private") || strings.Contains(text, "112") {
			t.Errorf("%s shows the document: %s", format, text)
		}
	}
}

func TestAnInstanceIsDecodedFromADocument(t *testing.T) {
	t.Parallel()
	i, err := transport.DecodeDetails[instances.Instance]([]byte(`{"status":"success","details":{"id":"i","x":1}}`))
	if err != nil || i.ID != "i" || string(i.Raw()) != `{"id":"i","x":1}` {
		t.Errorf("got %+v, %v", i, err)
	}
	if _, err := transport.DecodeDetails[instances.Instance]([]byte(`{"status":"error","code":"not_found","message":"gone"}`)); !errors.Is(err, errs.ErrNotFound) {
		t.Errorf("error document: %v, want a NotFoundError", err)
	}
	if _, err := transport.DecodeDetails[instances.Instance]([]byte(`{"status":"success"}`)); !errors.Is(err, errs.ErrContract) {
		t.Errorf("empty document: %v, want a ContractError", err)
	}
}
