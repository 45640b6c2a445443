package prefactortest_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	f := prefactortest.New(prefactortest.WithClock(fixed))
	c := direct(t, f)
	a := c.post("/agent_instance/register", `{
		"agent_id":"`+prefactortest.AgentID+`",
		"environment_id":"`+prefactortest.EnvironmentID+`",
		"external_identifier":"run-7",
		"purpose":"smoke_test",
		"agent_version":{"external_identifier":"1.4.2","name":"billing","description":"bills"},
		"agent_schema_version":{"external_identifier":"s1","span_type_schemas":[{"name":"app:llm"}]},
		"update_current_version":true,
		"idempotency_key":"0b9f"}`)
	details := a.must(t)
	for field, want := range map[string]any{
		"type":                "agent_instance",
		"account_id":          prefactortest.AccountID,
		"agent_id":            prefactortest.AgentID,
		"environment_id":      prefactortest.EnvironmentID,
		"external_identifier": "run-7",
		"purpose":             "smoke_test",
		"status":              "pending",
		"inserted_at":         "2026-05-06T07:08:09.123456Z",
		"updated_at":          "2026-05-06T07:08:09.123456Z",
		"started_at":          nil,
		"finished_at":         nil,
		"termination_reason":  nil,
	} {
		if got := details[field]; got != want {
			t.Errorf("details.%s is %v, want %v", field, got, want)
		}
	}
	if got := at(a.doc, "agent_schema_version.external_identifier"); got != "s1" {
		t.Errorf("agent_schema_version.external_identifier is %v, want s1", got)
	}
	if got := c.get("/agent/" + prefactortest.AgentID).must(t); got["name"] != "billing" || got["description"] != "bills" || got["status"] != "active" {
		t.Errorf("the agent doesn't have the version's name and description: %v", got)
	}
	if i, ok := f.Instance(details["id"].(string)); !ok || i.ExternalIdentifier != "run-7" || !i.InsertedAt.Equal(fixed()) {
		t.Errorf("the fake holds %+v, %v", i, ok)
	}
}

func TestRegisterFindsVersionsAgain(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	version := func(name string) any {
		return c.post("/agent_instance/register", `{"agent_version":{"external_identifier":"`+name+`"}}`).must(t)["agent_version_id"]
	}
	first, second, again := version("1"), version("2"), version("1")
	if first != again || first == second {
		t.Errorf("versions 1, 2 and 1 have the ids %v, %v and %v", first, second, again)
	}
}

func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	taken := c.post("/agent_instance/register", `{"external_identifier":"run-7"}`).must(t)["id"].(string)
	tests := []struct {
		name, body, path, code string
	}{
		{"an id that isn't a PFID", `{"id":"mine"}`, "id", "invalid_value"},
		{"an id twice", `{"id":"` + taken + `"}`, "id", "invalid_value"},
		{"an external identifier twice", `{"external_identifier":"run-7"}`, "external_identifier", "invalid_value"},
		{"an unknown purpose", `{"purpose":"fun"}`, "purpose", "invalid_value"},
		{"a number for a text", `{"agent_id":7}`, "agent_id", "invalid_value"},
		{"a text for an object", `{"agent_version":"1"}`, "agent_version", "invalid_value"},
		{"a schema that isn't an object", `{"agent_schema_version":{"span_type_schemas":["app:llm"]}}`, "agent_schema_version.span_type_schemas.0", "invalid_value"},
		{"a text for a flag", `{"update_current_version":"yes"}`, "update_current_version", "invalid_value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.post("/agent_instance/register", tt.body).invalid(t, tt.path, tt.code)
		})
	}
	if n := len(f.Instances()); n != 1 {
		t.Errorf("the fake holds %d instances, want 1", n)
	}
}

func TestBodyMustBeAnObject(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	for _, body := range []string{`[]`, `null`, `{`, `"x"`, `{"a":1,"a":2}`, `{} {}`} {
		c.post("/agent_instance/register", body).refused(t, 400, "bad_request")
	}
}

// steps are the actions that bring a new instance into a status.
var steps = map[string][]string{
	"pending":    nil,
	"active":     {"start"},
	"complete":   {"start", "finish"},
	"failed":     {"start", `finish {"status":"failed"}`},
	"cancelled":  {`finish {"status":"cancelled"}`},
	"terminated": {"start", `terminate {"reason":"budget"}`},
}

func (c client) instanceIn(status string) string {
	c.t.Helper()
	id := c.register()
	for _, step := range steps[status] {
		c.move(id, step).must(c.t)
	}
	return id
}

// move posts an action such as `finish {"status":"failed"}`.
func (c client) move(id, step string) answer {
	c.t.Helper()
	action, body, ok := strings.Cut(step, " ")
	if !ok {
		body = "{}"
	}
	return c.post("/agent_instance/"+id+"/"+action, body)
}

func TestInstanceTransitions(t *testing.T) {
	t.Parallel()
	const conflict = ""
	tests := []struct {
		from, step string
		to         string
		opts       []prefactortest.Option
	}{
		{from: "pending", step: "start", to: "active"},
		{from: "pending", step: "finish", to: conflict},
		{from: "pending", step: `finish {"status":"failed"}`, to: conflict},
		{from: "pending", step: `finish {"status":"cancelled"}`, to: "cancelled"},
		{from: "pending", step: `terminate {"reason":"r"}`, to: conflict},
		{from: "active", step: "start", to: conflict},
		{from: "active", step: "finish", to: "complete"},
		{from: "active", step: `finish {"status":null}`, to: "complete"},
		{from: "active", step: `finish {"status":"failed"}`, to: "failed"},
		{from: "active", step: `finish {"status":"cancelled"}`, to: conflict},
		{from: "active", step: `finish {"status":"cancelled"}`, to: "cancelled", opts: []prefactortest.Option{prefactortest.CancelActive()}},
		{from: "active", step: `terminate {"reason":"r"}`, to: "terminated"},
		{from: "complete", step: "start", to: conflict},
		{from: "complete", step: "finish", to: conflict},
		{from: "complete", step: `terminate {"reason":"r"}`, to: conflict},
		{from: "failed", step: "finish", to: conflict},
		{from: "cancelled", step: "start", to: conflict},
		{from: "cancelled", step: `finish {"status":"cancelled"}`, to: conflict},
		{from: "terminated", step: "start", to: conflict},
		{from: "terminated", step: "finish", to: conflict},
		{from: "terminated", step: `terminate {"reason":"r"}`, to: conflict},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %s to %s", tt.from, tt.step, tt.to), func(t *testing.T) {
			t.Parallel()
			f := prefactortest.New(tt.opts...)
			c := direct(t, f)
			id := c.instanceIn(tt.from)
			a := c.move(id, tt.step)
			if tt.to == conflict {
				a.refused(t, 409, "invalid_action")
				tt.to = tt.from
			} else if got := a.must(t)["status"]; got != tt.to {
				t.Errorf("the response has the status %v, want %s", got, tt.to)
			}
			if i, _ := f.Instance(id); i.Status != tt.to {
				t.Errorf("the fake holds the status %s, want %s", i.Status, tt.to)
			}
		})
	}
}

func TestInstanceTimes(t *testing.T) {
	t.Parallel()
	f := prefactortest.New(prefactortest.WithClock(fixed))
	c := direct(t, f)
	given := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		name, body string
		want       time.Time
	}{
		{"absent is now", `{}`, fixed()},
		{"null is now", `{"timestamp":null}`, fixed()},
		{"milliseconds in UTC", `{"timestamp":"2026-01-02T03:04:05.000Z"}`, given},
		{"microseconds with an offset", `{"timestamp":"2026-01-02T05:04:05.000000+02:00"}`, given},
		{"nanoseconds", `{"timestamp":"2026-01-02T03:04:05.000000000Z"}`, given},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := c.register()
			c.move(id, "start "+tt.body).must(t)
			c.move(id, "finish "+tt.body).must(t)
			if i, _ := f.Instance(id); !i.StartedAt.Equal(tt.want) || !i.FinishedAt.Equal(tt.want) {
				t.Errorf("started at %v, finished at %v, want %v", i.StartedAt, i.FinishedAt, tt.want)
			}
		})
	}
	for _, naive := range []string{"2026-01-02T03:04:05", "2026-01-02T03:04:05.076882", "2026-01-02", "soon", "1767323045"} {
		c.move(c.register(), `start {"timestamp":"`+naive+`"}`).invalid(t, "timestamp", "invalid_value")
	}
}

func TestTerminateNeedsAReason(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	id := c.started()
	c.post("/agent_instance/"+id+"/terminate", "").invalid(t, "reason", "required")
	c.move(id, `terminate {"reason":null}`).invalid(t, "reason", "required")
	if got := c.move(id, `terminate {"reason":"budget"}`).must(t)["termination_reason"]; got != "budget" {
		t.Errorf("termination_reason is %v, want budget", got)
	}
}

func TestTerminateFromTheTest(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	id := c.started()
	if !f.Terminate(id, "budget") {
		t.Fatal("Terminate is false for an active instance")
	}
	if f.Terminate(id, "again") || f.Terminate("unknown", "budget") {
		t.Error("Terminate is true for an instance that isn't active")
	}
	details := c.get("/agent_instance/" + id).must(t)
	if details["status"] != "terminated" || details["termination_reason"] != "budget" {
		t.Errorf("the instance is %v", details)
	}
}

func TestQuality(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	id := c.started()
	c.move(id, `record_quality {"name":"tone","payload":{"score":12345678901234567890}}`).must(t)
	c.move(id, `record_quality {"name":"facts","payload":{"ok":true}}`).must(t)
	a := c.get("/agent_instance/" + id)
	if !strings.Contains(string(a.body), `"quality_payloads":{"facts":{"ok":true},"tone":{"score":12345678901234567890}}`) {
		t.Errorf("after two recordings: %s", a.body)
	}
	before, _ := f.Instance(id)
	c.move(id, `record_quality {"name":"tone","payload":null}`).must(t)
	if len(before.Quality) != 2 {
		t.Error("an Instance changed after it was returned")
	}
	a = c.get("/agent_instance/" + id)
	if !strings.Contains(string(a.body), `"quality_payloads":{"facts":{"ok":true}}`) {
		t.Errorf("after null removed one: %s", a.body)
	}
	c.move(id, `record_quality {"payload":{}}`).invalid(t, "name", "required")
	c.move(id, `record_quality {"name":"tone","payload":[]}`).invalid(t, "payload", "invalid_value")
}

func TestUpdateInstance(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	id := c.started()
	put := func(body string) answer { return c.do("PUT", "/agent_instance/"+id, body) }
	for _, tt := range []struct{ name, body, want string }{
		{"sets", `{"details":{"quality_payload":{"a":1}}}`, `{"a":1}`},
		{"omitted, so kept", `{"details":{}}`, `{"a":1}`},
		{"clears", `{"details":{"quality_payload":null}}`, ``},
	} {
		put(tt.body).must(t)
		if i, _ := f.Instance(id); string(i.QualityPayload) != tt.want {
			t.Errorf("%s: the fake holds %s, want %s", tt.name, i.QualityPayload, tt.want)
		}
	}
	put(`{"quality_payload":{}}`).invalid(t, "details", "required")
}

func TestUnknownInstance(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	c.get("/agent_instance/nope").refused(t, 404, "not_found")
	c.move("nope", "start").refused(t, 404, "not_found")
	c.post("/agent_spans", spanBody("nope", "active", "")).refused(t, 404, "not_found")
}

func TestAnyIDs(t *testing.T) {
	t.Parallel()
	f := prefactortest.New(prefactortest.AnyIDs())
	c := direct(t, f)
	c.post("/agent_instance/register", `{"id":"run/1 ü"}`).must(t)
	c.post("/agent_instance/run%2F1%20%C3%BC/start", `{}`).must(t)
	if i, ok := f.Instance("run/1 ü"); !ok || i.Status != "active" {
		t.Errorf("the fake holds %+v, %v", i, ok)
	}
}

func TestListInstances(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	other := c.post("/agent", `{"details":{"name":"other"}}`).must(t)["id"].(string)
	first := c.post("/agent_instance/register", `{"agent_version":{"external_identifier":"1"}}`).must(t)
	second := c.register()
	third := c.post("/agent_instance/register", `{"agent_id":"`+other+`"}`).must(t)["id"].(string)

	tests := []struct {
		name, query string
		want        []string
	}{
		{"oldest first", "", []string{first["id"].(string), second, third}},
		{"by agent", "?agent_id=" + other, []string{third}},
		{"by an unknown agent", "?agent_id=unknown", nil},
		{"by version", "?agent_version_id=" + first["agent_version_id"].(string), []string{first["id"].(string)}},
		{"unknown filters do nothing", "?status=active", []string{first["id"].(string), second, third}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantIDs(t, c.get("/agent_instance"+tt.query), tt.want...)
		})
	}
	row := c.get("/agent_instance").doc["summaries"].([]any)[0].(map[string]any)
	for _, field := range []string{"span_counts", "agent_deployment_id", "quality_payloads"} {
		if _, ok := row[field]; ok {
			t.Errorf("a row of a list has the field %s", field)
		}
	}
}

func wantIDs(t testing.TB, a answer, want ...string) {
	t.Helper()
	a.must(t)
	var got []string
	for _, row := range a.doc["summaries"].([]any) {
		got = append(got, row.(map[string]any)["id"].(string))
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("listed %q, want %q", got, want)
	}
}

func TestInstanceFields(t *testing.T) {
	t.Parallel()
	eachFace(t, func(t *testing.T, f *prefactortest.Fake, c client) {
		id := c.post("/agent_instance/register", `{"external_identifier":"run-7"}`).must(t)["id"].(string)
		fresh := c.get("/agent_instance/" + id).must(t)
		for field, want := range map[string]any{
			"raised_alert_count": 0.0, "last_activity_span_at": nil, "cost_breakdown": nil, "risk_score": nil,
			"span_schema_counts": map[string]any{"by_name": map[string]any{}},
			"quality_payloads":   map[string]any{}, "quality_summaries": map[string]any{},
		} {
			if got, ok := fresh[field]; !ok || !reflect.DeepEqual(got, want) {
				t.Errorf("a new instance has %v under %s, want %v", got, field, want)
			}
		}
		span := c.post("/agent_spans", spanBody(id, "active", `"started_at":"2026-01-02T03:04:05Z"`)).must(t)["id"].(string)
		c.post("/agent_spans", spanBody(id, "complete", `"started_at":"2026-01-01T03:04:05Z","finished_at":"2026-01-01T04:04:05Z"`)).must(t)
		if got := c.get("/agent_instance/" + id).must(t)["last_activity_span_at"]; got != "2026-01-02T03:04:05.000000Z" {
			t.Errorf("after a start the last activity was at %v", got)
		}
		c.post("/agent_spans/"+span+"/finish", `{"timestamp":"2026-01-02T04:04:05Z"}`).must(t)
		c.move(id, `record_quality {"name":"tone","payload":{}}`).must(t)
		row := c.get("/agent_instance").doc["summaries"].([]any)[0].(map[string]any)
		for where, doc := range map[string]map[string]any{"details": c.get("/agent_instance/" + id).must(t), "a row": row} {
			if doc["last_activity_span_at"] != "2026-01-02T04:04:05.000000Z" || doc["raised_alert_count"] != 0.0 {
				t.Errorf("%s: %v", where, doc)
			}
		}
		if got := at(c.get("/agent_instance/"+id).doc, "details.span_schema_counts.by_name"); !reflect.DeepEqual(got, map[string]any{"app:llm": 2.0, "prefactor:quality": 1.0}) {
			t.Errorf("span_schema_counts.by_name is %v", got)
		}
		if i, _ := f.Instance(id); !i.LastActivitySpanAt.Equal(time.Date(2026, 1, 2, 4, 4, 5, 0, time.UTC)) {
			t.Errorf("the fake holds the last activity %v", i.LastActivitySpanAt)
		}
	})
}

func TestShowInstance(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New(prefactortest.WithToken("deploy", prefactortest.Grant{AgentID: "mine"})))
	other := c.post("/agent", `{"details":{"name":"other"}}`).must(t)["id"].(string)
	first := c.post("/agent_instance/register", `{"external_identifier":"run-7"}`).must(t)["id"].(string)
	theirs := c.post("/agent_instance/register", `{"agent_id":"`+other+`","external_identifier":"run-8"}`).must(t)["id"].(string)
	c.post("/agent_instance/register", `{"agent_id":"`+other+`","external_identifier":"run-7"}`).must(t)
	c.register()
	for name, tt := range map[string]struct{ query, want string }{
		"by id":                  {"agent_instance_id=" + first, first},
		"by external identifier": {"external_identifier=run-8", theirs},
		"of the oldest agent":    {"external_identifier=run-7", first},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.get("/agent_instance/show?" + tt.query).must(t)["id"]; got != tt.want {
				t.Errorf("showed %v, want %s", got, tt.want)
			}
			item := c.post("/bulk", bulk(`"_type":"agent_instances/show","idempotency_key":"12345678","`+strings.Replace(tt.query, "=", `":"`, 1)+`"`))
			if got := at(item.doc, "outputs.12345678.details.id"); got != tt.want {
				t.Errorf("in bulk: showed %v, want %s", got, tt.want)
			}
		})
	}
	c.get("/agent_instance/show").invalid(t, "agent_instance_id", "required")
	c.get("/agent_instance/show?agent_instance_id="+first+"&external_identifier=run-7").invalid(t, "external_identifier", "invalid_value")
	c.get("/agent_instance/show?agent_instance_id="+first+"&include_counts=yes").invalid(t, "include_counts", "invalid_value")
	c.get("/agent_instance/show?agent_instance_id=nope").refused(t, 404, "not_found")
	c.get("/agent_instance/show?external_identifier=nope").refused(t, 404, "not_found")
	c.as("deploy").get("/agent_instance/show?external_identifier=run-7").refused(t, 404, "not_found")
}

func TestShowInstanceFlags(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	id := c.started()
	f.SetRiskScore(id, prefactortest.RiskScore{})
	flags := map[string]string{
		"include_counts": "span_schema_counts", "include_risk_score": "risk_score", "include_alert_count": "raised_alert_count",
	}
	for asked, field := range flags {
		details := c.get("/agent_instance/show?agent_instance_id=" + id + "&include_costs=true&" + asked + "=true").must(t)
		for _, other := range flags {
			if got, ok := details[other]; !ok || (got != nil) != (other == field) {
				t.Errorf("with %s, %s is %v", asked, other, got)
			}
		}
	}
}

func TestRiskScore(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	id := c.started()
	want := `"risk_score":{"total_score":7.5,"critical_threshold":10,"any_assessable":true,"all_data_categories":["contact_information"],"allowed_actions":[],` +
		`"risk_level":"high","peak_classification":null,"per_type":[{"schema_name":"app:llm","count":2,"type_score":3.5,"total_contribution":7,"risk_level":null}]}`
	c.get("/agent_instance?sorting=id")
	if !f.SetRiskScore(id, prefactortest.RiskScore{
		TotalScore: 7.5, RiskLevel: "high", CriticalThreshold: 10, AnyAssessable: true,
		AllDataCategories: []string{"contact_information"},
		PerType:           []prefactortest.TypeRisk{{SchemaName: "app:llm", Count: 2, TypeScore: 3.5, TotalContribution: 7}},
	}) {
		t.Fatal("SetRiskScore is false for an instance")
	}
	if f.SetRiskScore("nope", prefactortest.RiskScore{}) {
		t.Error("SetRiskScore is true without an instance")
	}
	for _, path := range []string{"/agent_instance/" + id, "/agent_instance?sorting=id"} {
		if a := c.get(path); !strings.Contains(string(a.body), want) {
			t.Errorf("GET %s: got  %s\nwant %s", path, a.body, want)
		}
	}
	if i, _ := f.Instance(id); i.RiskScore == nil || i.RiskScore.TotalScore != 7.5 {
		t.Errorf("the fake holds %+v", i.RiskScore)
	}
}

func TestAgentContext(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New(prefactortest.WithClock(fixed)))
	id := c.started()
	span := c.span(id, "active")
	a := c.get("/agent_instance/" + id + "/agent_context")
	a.must(t)
	if at(a.doc, "status") != "success" || at(a.doc, "agent_context.span_count") != 1.0 ||
		at(a.doc, "agent_context.generated_at") != "2026-05-06T07:08:09.123456Z" {
		t.Errorf("got %s", a.body)
	}
	spans, _ := at(a.doc, "agent_context.body.agent_spans").([]any)
	if at(a.doc, "agent_context.body.agent_instance.id") != id || len(spans) != 1 || spans[0].(map[string]any)["id"] != span {
		t.Errorf("the body isn't the run: %s", a.body)
	}
	c.get("/agent_instance/nope/agent_context").refused(t, 404, "not_found")
}

// A recorded quality payload leaves a span that counts as any other.
func TestQualitySpans(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		send    func(c client, id string) answer
		payload string // empty if there is no span
	}{
		{"record_quality", func(c client, id string) answer {
			return c.move(id, `record_quality {"name":"tone","payload":{"score":1}}`)
		}, `{"score":1}`},
		{"record_quality of null", func(c client, id string) answer {
			return c.move(id, `record_quality {"name":"tone","payload":null}`)
		}, ""},
		{"PUT quality_payload", func(c client, id string) answer {
			return c.do("PUT", "/agent_instance/"+id, `{"details":{"quality_payload":{"score":2}}}`)
		}, `{"score":2}`},
		{"PUT of null", func(c client, id string) answer {
			return c.do("PUT", "/agent_instance/"+id, `{"details":{"quality_payload":null}}`)
		}, ""},
		{"PUT of nothing", func(c client, id string) answer {
			return c.do("PUT", "/agent_instance/"+id, `{"details":{}}`)
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := prefactortest.New(prefactortest.WithClock(fixed), prefactortest.RequireSchemas())
			c := direct(t, f)
			id := c.started()
			details := tt.send(c, id).must(t)
			spans := f.Spans()
			if tt.payload == "" {
				if len(spans) != 0 {
					t.Errorf("the fake holds the spans %+v, want none", spans)
				}
				return
			}
			if len(spans) != 1 {
				t.Fatalf("the fake holds %d spans, want 1", len(spans))
			}
			s := spans[0]
			if s.SchemaName != "prefactor:quality" || s.Purpose != "quality" || s.Status != "complete" || string(s.Payload) != tt.payload ||
				s.AgentInstanceID != id || !s.StartedAt.Equal(fixed()) || !s.FinishedAt.Equal(fixed()) {
				t.Errorf("the fake holds %+v", s)
			}
			if at(details, "span_counts.total") != 1.0 || at(details, "span_counts.complete") != 1.0 {
				t.Errorf("the span isn't counted: %v", details)
			}
			wantIDs(t, c.get("/agent_spans?agent_instance_id="+id), s.ID)
			if got := c.get("/agent_spans/" + s.ID).must(t)["purpose"]; got != "quality" {
				t.Errorf("the purpose on the wire is %v", got)
			}
		})
	}
}

func TestQualitySummaries(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	id := c.post("/agent_instance/register", `{"agent_schema_version":{"quality_schemas":[
		{"name":"tone","schema":{},"template":"{{ rating }} with {{score}} ({{ by.name | upcase }}{{ none }})"},{"name":"facts"}]}}`).must(t)["id"].(string)
	c.move(id, `record_quality {"name":"tone","payload":{"rating":"good","score":7,"by":{"name":"judge"}}}`).must(t)
	got := c.move(id, `record_quality {"name":"facts","payload":{}}`).must(t)["quality_summaries"]
	if !reflect.DeepEqual(got, map[string]any{"tone": "good with 7 (judge)"}) {
		t.Errorf("quality_summaries is %v", got)
	}
}

// The paths of other operations aren't ids.
func TestWordsAreNoIDs(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	for _, word := range []string{"show", "register"} {
		a := c.do("PUT", "/agent_instance/"+word, `{"details":{}}`)
		a.refused(t, 404, "not_found")
		if message, _ := a.doc["message"].(string); !strings.Contains(message, "no route PUT /api/v1/agent_instance/"+word) {
			t.Errorf("%s was taken for an id: %s", word, a.body)
		}
	}
}
