package prefactortest_test

import (
	"fmt"
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
