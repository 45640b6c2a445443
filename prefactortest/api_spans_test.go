package prefactortest_test

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

func TestCreateSpan(t *testing.T) {
	t.Parallel()
	started := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	finished := started.Add(time.Minute)
	const times = `"started_at":"2026-01-02T03:04:05Z","finished_at":"2026-01-02T03:05:05Z"`
	tests := []struct {
		name, status, more string
		started, finished  time.Time
	}{
		{"pending has not started", "pending", times, time.Time{}, time.Time{}},
		{"active starts now", "active", "", fixed(), time.Time{}},
		{"active with nulls", "active", `"started_at":null,"finished_at":null,"parent_span_id":null,"result_payload":null`, fixed(), time.Time{}},
		{"active with a time", "active", `"started_at":"2026-01-02T03:04:05Z"`, started, time.Time{}},
		{"complete at once", "complete", "", fixed(), fixed()},
		{"complete with times", "complete", times, started, finished},
		{"failed with times", "failed", times, started, finished},
		{"cancelled", "cancelled", times, started, finished},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := prefactortest.New(prefactortest.WithClock(fixed))
			c := direct(t, f)
			instance := c.started()
			details := c.post("/agent_spans", spanBody(instance, tt.status, tt.more)).must(t)
			if details["type"] != "agent_span" || details["status"] != tt.status || details["schema_title"] != "app:llm" {
				t.Errorf("the response has the details %v", details)
			}
			s, _ := f.Span(details["id"].(string))
			if s.Status != tt.status || !s.StartedAt.Equal(tt.started) || !s.FinishedAt.Equal(tt.finished) {
				t.Errorf("the fake holds %s, %v to %v; want %s, %v to %v",
					s.Status, s.StartedAt, s.FinishedAt, tt.status, tt.started, tt.finished)
			}
		})
	}
}

func TestPayloadKeepsEveryDigit(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	const payload = `{"n":123456789012345678901234567890.10,"s":"\u0001ü"}`
	a := c.post("/agent_spans", fmt.Sprintf(
		`{"details":{"agent_instance_id":%q,"schema_name":"s","status":"complete","payload":%s,"result_payload":%[2]s}}`,
		c.started(), payload))
	a.must(t)
	s := f.Spans()[0]
	if string(s.Payload) != payload || string(s.ResultPayload) != payload {
		t.Errorf("the fake holds %s and %s, want %s", s.Payload, s.ResultPayload, payload)
	}
	if !strings.Contains(string(a.body), "123456789012345678901234567890.10") {
		t.Errorf("the response lost digits: %s", a.body)
	}
}

func TestCreateSpanRefuses(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	instance := c.started()
	taken := c.span(instance, "active")
	tests := []struct {
		name, body, path, code string
	}{
		{"no details", `{}`, "details", "required"},
		{"details that aren't an object", `{"details":[]}`, "details", "invalid_value"},
		{"no instance", `{"details":{}}`, "details.agent_instance_id", "required"},
		{"no schema name", `{"details":{}}`, "details.schema_name", "required"},
		{"no status", `{"details":{}}`, "details.status", "required"},
		{"no payload", `{"details":{}}`, "details.payload", "required"},
		{"an unknown status", spanBody(instance, "running", ""), "details.status", "invalid_value"},
		{"terminated, which spans never are", spanBody(instance, "terminated", ""), "details.status", "invalid_value"},
		{"a result of an active span", spanBody(instance, "active", `"result_payload":{}`), "details.result_payload", "invalid_value"},
		{"a result of a pending span", spanBody(instance, "pending", `"result_payload":{}`), "details.result_payload", "invalid_value"},
		{"an id that isn't a PFID", spanBody(instance, "active", `"id":"mine"`), "details.id", "invalid_value"},
		{"an id twice", spanBody(instance, "active", `"id":"`+taken+`"`), "details.id", "invalid_value"},
		{"a parent that doesn't exist", spanBody(instance, "active", `"parent_span_id":"nope"`), "details.parent_span_id", "invalid_value"},
		{"a naive time", spanBody(instance, "active", `"started_at":"2026-01-02T03:04:05"`), "details.started_at", "invalid_value"},
		{"a list for the payload", `{"details":{"payload":[]}}`, "details.payload", "invalid_value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.post("/agent_spans", tt.body).invalid(t, tt.path, tt.code)
		})
	}
	if n := len(f.Spans()); n != 1 {
		t.Errorf("the fake holds %d spans, want 1", n)
	}
}

func TestErrorsNameEveryField(t *testing.T) {
	t.Parallel()
	a := direct(t, prefactortest.New()).post("/agent_spans", `{"details":{"status":"active","payload":{}}}`)
	wantJSON(t, a.body, `{"status":"error","code":"validation_errors","message":"The request has invalid fields","errors":{"details":{`+
		`"agent_instance_id":{"status":"error","code":"required","message":"agent_instance_id is required"},`+
		`"schema_name":{"status":"error","code":"required","message":"schema_name is required"}}}}`)
}

func TestClientChosenSpanIDs(t *testing.T) {
	t.Parallel()
	const id = "013xrzp12g3nqk8n0000000000000000"
	f := prefactortest.New()
	c := direct(t, f)
	instance := c.started()
	c.post("/agent_spans", spanBody(instance, "active", `"id":"`+id+`"`)).must(t)
	c.post("/agent_spans", spanBody(instance, "complete", `"parent_span_id":"`+id+`"`)).must(t)
	f.AssertTree(t, `
		instance active
		└── app:llm active
		    └── app:llm complete
	`)
}

func TestFinishSpan(t *testing.T) {
	t.Parallel()
	const conflict = ""
	tests := []struct{ from, body, to string }{
		{"pending", `{}`, conflict},
		{"pending", `{"status":"failed"}`, conflict},
		{"pending", `{"status":"cancelled"}`, "cancelled"},
		{"active", `{}`, "complete"},
		{"active", `{"status":"complete"}`, "complete"},
		{"active", `{"status":"failed"}`, "failed"},
		{"active", `{"status":"cancelled"}`, conflict},
		{"complete", `{}`, conflict},
		{"failed", `{}`, conflict},
		{"cancelled", `{"status":"cancelled"}`, conflict},
	}
	for _, tt := range tests {
		t.Run(tt.from+" with "+tt.body, func(t *testing.T) {
			t.Parallel()
			f := prefactortest.New(prefactortest.WithClock(fixed))
			c := direct(t, f)
			id := c.span(c.started(), tt.from)
			a := c.post("/agent_spans/"+id+"/finish", tt.body)
			if tt.to == conflict {
				a.refused(t, 409, "invalid_action")
				return
			}
			a.must(t)
			s, _ := f.Span(id)
			if s.Status != tt.to || !s.StartedAt.Equal(fixed()) || !s.FinishedAt.Equal(fixed()) {
				t.Errorf("the fake holds %+v", s)
			}
		})
	}
}

func TestFinishSpanInput(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	id := c.span(c.started(), "active")
	c.post("/agent_spans/"+id+"/finish",
		`{"status":"failed","result_payload":{"e":1},"timestamp":"2026-01-02T03:04:05Z","sensitive_encoding":true}`).must(t)
	s, _ := f.Span(id)
	if string(s.ResultPayload) != `{"e":1}` || !s.SensitiveEncoding || s.FinishedAt.Year() != 2026 {
		t.Errorf("the fake holds %+v", s)
	}
	c.post("/agent_spans/nope/finish", `{}`).refused(t, 404, "not_found")
	c.post("/agent_spans/"+id+"/finish", `{"timestamp":"2026-01-02T03:04:05"}`).invalid(t, "timestamp", "invalid_value")
}

func TestSpansOutsideTheRun(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"pending", "active", "complete", "failed", "cancelled", "terminated"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			c := direct(t, prefactortest.New())
			id := c.span(c.instanceIn(status), "active")
			c.post("/agent_spans/"+id+"/finish", `{}`).must(t)
		})
	}
}

func TestFinishingARunLeavesItsSpans(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	instance := c.started()
	c.span(instance, "active")
	c.move(instance, "finish").must(t)
	f.AssertTree(t, `
		instance complete
		└── app:llm active
	`)
}

func TestControl(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	instance := c.started()
	before := c.post("/agent_spans", spanBody(instance, "active", ""))
	if _, ok := before.doc["control"]; ok {
		t.Errorf("a control signal before the termination: %s", before.body)
	}
	f.Terminate(instance, "budget")
	id := before.must(t)["id"].(string)
	for name, a := range map[string]answer{
		"create": c.post("/agent_spans", spanBody(instance, "active", "")),
		"finish": c.post("/agent_spans/"+id+"/finish", `{}`),
	} {
		a.must(t)
		if at(a.doc, "control.terminate") != true || at(a.doc, "control.reason") != "budget" {
			t.Errorf("%s: no control signal in %s", name, a.body)
		}
	}
	again := c.post("/agent_spans/"+id+"/finish", `{}`)
	again.refused(t, 409, "invalid_action")
	if _, ok := again.doc["control"]; ok {
		t.Errorf("an error has a control signal: %s", again.body)
	}
}

func TestCloseSpansOnTerminate(t *testing.T) {
	t.Parallel()
	f := prefactortest.New(prefactortest.CloseSpansOnTerminate())
	c := direct(t, f)
	instance := c.started()
	open := c.span(instance, "active")
	c.span(instance, "pending")
	c.span(instance, "complete")
	f.Terminate(instance, "budget")
	f.AssertTree(t, `
		instance terminated (budget)
		├── app:llm failed
		├── app:llm cancelled
		└── app:llm complete
	`)
	c.post("/agent_spans/"+open+"/finish", `{}`).refused(t, 409, "invalid_action")
}

func TestRequireSchemas(t *testing.T) {
	t.Parallel()
	schemas := map[string]string{
		"list":             `{"span_type_schemas":[{"name":"app:llm"}]}`,
		"legacy map":       `{"span_schemas":{"app:llm":{}}}`,
		"list beats map":   `{"span_type_schemas":[{"name":"app:llm"}],"span_schemas":{"other":{}}}`,
		"with identifiers": `{"external_identifier":"1","span_type_schemas":[{"name":"app:llm","params_schema":{}}]}`,
	}
	for name, schema := range schemas {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := direct(t, prefactortest.New(prefactortest.RequireSchemas()))
			id := c.post("/agent_instance/register", `{"agent_schema_version":`+schema+`}`).must(t)["id"].(string)
			c.span(id, "active")
			body := strings.Replace(spanBody(id, "active", ""), "app:llm", "other", 1)
			c.post("/agent_spans", body).invalid(t, "details.schema_name", "invalid_value")
		})
	}
}

func TestSpanCounts(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	instance := c.started()
	for _, status := range []string{"pending", "active", "complete", "failed", "failed", "cancelled"} {
		c.span(instance, status)
	}
	c.post("/agent_spans/"+c.span(instance, "active")+"/finish", `{}`).must(t)
	want := prefactortest.SpanCounts{Total: 7, Pending: 1, Active: 1, Complete: 2, Failed: 2, Cancelled: 1, Finished: 5}
	if i, _ := f.Instance(instance); i.SpanCounts != want {
		t.Errorf("SpanCounts is %+v, want %+v", i.SpanCounts, want)
	}
	a := c.get("/agent_instance/" + instance)
	if !strings.Contains(string(a.body), `"span_counts":{"total":7,"pending":1,"active":1,"complete":2,"failed":2,"cancelled":1,"finished":5}`) {
		t.Errorf("the response has other counts: %s", a.body)
	}
}

func TestGetSpan(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	id := c.span(c.started(), "active")
	if got := c.get("/agent_spans/" + id).must(t)["id"]; got != id {
		t.Errorf("got the span %v, want %s", got, id)
	}
	c.get("/agent_spans/nope").refused(t, 404, "not_found")
}

func TestListSpans(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	other := c.post("/agent", `{"details":{"name":"other"}}`).must(t)["id"].(string)
	first, second := c.started(), c.post("/agent_instance/register", `{"agent_id":"`+other+`"}`).must(t)["id"].(string)
	create := func(instance, started string) string {
		return c.post("/agent_spans", spanBody(instance, "active", `"started_at":"`+started+`"`)).must(t)["id"].(string)
	}
	one := create(first, "2026-01-01T00:00:00Z")
	two := create(first, "2026-01-02T00:00:00Z")
	three := create(second, "2026-01-03T00:00:00Z")
	tests := []struct {
		name  string
		query url.Values
		want  []string
	}{
		{"all", nil, []string{one, two, three}},
		{"of an instance", url.Values{"agent_instance_id": {first}}, []string{one, two}},
		{"of an agent", url.Values{"agent_id": {other}}, []string{three}},
		{"of an instance of another agent", url.Values{"agent_instance_id": {first}, "agent_id": {other}}, nil},
		{"of an unknown instance", url.Values{"agent_instance_id": {"nope"}}, nil},
		{"of an unknown agent", url.Values{"agent_id": {"nope"}}, nil},
		{"from a time on", url.Values{"start_time": {"2026-01-02T00:00:00Z"}}, []string{two, three}},
		{"until a time", url.Values{"end_time": {"2026-01-02T00:00:00Z"}}, []string{one}},
		{"newest first", url.Values{"sorting": {"-started_at"}}, []string{three, two, one}},
		{"with flags", url.Values{"include_summaries": {"true"}, "include_risk_level": {"true"}}, []string{one, two, three}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantIDs(t, c.get("/agent_spans?"+tt.query.Encode()), tt.want...)
		})
	}
	c.get("/agent_spans?start_time=2026-01-02T00:00:00").invalid(t, "start_time", "invalid_value")
}

// A span's purpose is what it records, not why its instance runs.
func TestSpanPurpose(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	id := c.post("/agent_instance/register", `{"purpose":"eval"}`).must(t)["id"].(string)
	if got := c.post("/agent_spans", spanBody(id, "active", "")).must(t)["purpose"]; got != "activity" || f.Spans()[0].Purpose != "activity" {
		t.Errorf("the purpose is %v, want activity", got)
	}
}

// declared is a registration that declares app:llm with a title, a
// template and a data risk.
const declared = `{"agent_schema_version":{"span_type_schemas":[
	{"name":"app:llm","title":"Model call","template":"asked {{q}}","data_risk":{"action_profile":{}}},{"name":"plain"}]}}`

// Where a span is shown decides which fields it has.
func TestSpanShapes(t *testing.T) {
	t.Parallel()
	eachFace(t, func(t *testing.T, f *prefactortest.Fake, c client) {
		id := c.post("/agent_instance/register", declared).must(t)["id"].(string)
		f.SetRiskScore(id, prefactortest.RiskScore{PerType: []prefactortest.TypeRisk{{SchemaName: "app:llm", RiskLevel: "high", TypeScore: 3.5}}})
		body := `{"details":{"agent_instance_id":"` + id + `","schema_name":"app:llm","status":"complete","payload":{"q":"why"}}}`
		created := c.post("/agent_spans", body).must(t)
		got := c.get("/agent_spans/" + created["id"].(string)).must(t)
		for where, doc := range map[string]map[string]any{"created": created, "retrieved": got} {
			if doc["schema_title"] != "Model call" || doc["summary"] != "asked why" || !reflect.DeepEqual(doc["data_risk"], map[string]any{"action_profile": map[string]any{}}) {
				t.Errorf("%s: %v", where, doc)
			}
			for _, field := range []string{"risk_level", "risk_score"} {
				if _, ok := doc[field]; ok {
					t.Errorf("%s: there is a %s outside a list", where, field)
				}
			}
		}
		for query, want := range map[string][3]any{
			"":                         {nil, nil, nil},
			"include_summaries=false":  {nil, nil, nil},
			"include_summaries=true":   {"asked why", nil, nil},
			"include_risk_level=true":  {nil, "high", 3.5},
			"include_risk_level=false": {nil, nil, nil},
		} {
			row := c.get("/agent_spans?agent_instance_id=" + id + "&" + query).doc["summaries"].([]any)[0].(map[string]any)
			for n, field := range []string{"summary", "risk_level", "risk_score"} {
				if value, ok := row[field]; !ok || value != want[n] {
					t.Errorf("with %q a row has %v under %s, want %v", query, value, field, want[n])
				}
			}
			if row["data_risk"] == nil || at(row, "payload.q") != "why" {
				t.Errorf("a row lacks the data risk or the payload: %v", row)
			}
		}
		c.get("/agent_spans?include_summaries=1").invalid(t, "include_summaries", "invalid_value")

		undeclared := c.post("/agent_spans", strings.Replace(body, "app:llm", "plain", 1)).must(t)
		for field, want := range map[string]any{"schema_title": "plain", "summary": nil, "data_risk": nil} {
			if value, ok := undeclared[field]; !ok || value != want {
				t.Errorf("without a declaration %s is %v, want %v", field, value, want)
			}
		}
		row := c.get("/agent_spans?include_risk_level=true&sorting=-title").doc["summaries"].([]any)[0].(map[string]any)
		if row["schema_name"] != "plain" || row["risk_level"] != nil || row["risk_score"] != nil {
			t.Errorf("a span of a type without a score has the row %v", row)
		}
	})
}

func TestSensitiveValues(t *testing.T) {
	t.Parallel()
	const payload = `{"a":{"$sensitive":"string","value":"secret-1"},"b":[{"c":{"$sensitive":"number","value":41.50,"labels":["pii"]}},"kept"],"n":12345678901234567890.10}`
	const hidden = `{"a":{"$sensitive":"string","value":null},"b":[{"c":{"$sensitive":"number","labels":["pii"],"value":null}},"kept"],"n":12345678901234567890.10}`
	const result = `{"$sensitive":"string","value":"secret-2"}`
	create := func(t *testing.T, c client) string {
		id := c.post("/agent_instance/register", `{"agent_schema_version":{"span_type_schemas":[{"name":"s","template":"{{a.value}}"}]}}`).must(t)["id"].(string)
		return c.post("/agent_spans", fmt.Sprintf(`{"details":{"agent_instance_id":%q,"schema_name":"s","status":"complete","sensitive_encoding":true,"payload":%s,"result_payload":{"r":%s}}}`,
			id, payload, result)).must(t)["id"].(string)
	}
	eachFace(t, func(t *testing.T, f *prefactortest.Fake, c client) {
		id := create(t, c)
		whole := c.get("/agent_spans/" + id)
		if !strings.Contains(string(whole.body), payload) || !strings.Contains(string(whole.body), result) {
			t.Errorf("without redaction: %s", whole.body)
		}
		wantJSON(t, c.get("/agent_spans/"+id+"?redacted=false").body, string(whole.body))
		redacted := c.get("/agent_spans/" + id + "?redacted=true")
		if !strings.Contains(string(redacted.body), hidden) || strings.Contains(string(redacted.body), "secret") || strings.Contains(string(redacted.body), "41.50") {
			t.Errorf("redacted: %s", redacted.body)
		}
		wantJSON(t, c.get("/agent_spans/"+id).body, string(whole.body)) // reading changes nothing

		first := c.post("/agent_spans/"+id+"/discard_sensitive", `{}`)
		first.must(t)
		wantJSON(t, first.body, string(c.get("/agent_spans/"+id).body))
		wantJSON(t, c.post("/agent_spans/"+id+"/discard_sensitive", "").body, string(first.body))
		if s, _ := f.Span(id); string(s.Payload) != hidden || string(s.ResultPayload) != `{"r":{"$sensitive":"string","value":null}}` {
			t.Errorf("the fake holds %s and %s", s.Payload, s.ResultPayload)
		}
	})
	c := direct(t, prefactortest.New())
	c.get("/agent_spans/"+create(t, c)+"?redacted=perhaps").invalid(t, "redacted", "invalid_value")
	c.post("/agent_spans/nope/discard_sensitive", `{}`).refused(t, 404, "not_found")
}

func TestSpansOfADeletedAgent(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	id := c.started()
	c.do("DELETE", "/agent/"+prefactortest.AgentID, "").must(t)
	span := c.span(id, "active")
	c.post("/agent_spans/"+span+"/finish", `{}`).must(t)
}
