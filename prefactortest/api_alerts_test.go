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

// alertBody returns the body that raises an alert; more is appended.
func alertBody(instance, name, severity, more string) string {
	return fmt.Sprintf(`{"agent_instance_id":%q,"name":%q,"severity":%q,"payload":{"n":12345678901234567890}%s}`, instance, name, severity, more)
}

// raise raises an alert and returns its id.
func (c client) raise(instance, name, severity, more string) string {
	c.t.Helper()
	return c.post("/alerts/raise", alertBody(instance, name, severity, more)).must(c.t)["id"].(string)
}

func (c client) clear(instance, name, more string) answer {
	c.t.Helper()
	return c.post("/alerts/clear", fmt.Sprintf(`{"agent_instance_id":%q,"name":%q%s}`, instance, name, more))
}

func TestAlert(t *testing.T) {
	t.Parallel()
	eachFace(t, func(t *testing.T, f *prefactortest.Fake, c client) {
		instance := c.started()
		created := c.post("/alerts/raise", alertBody(instance, "budget", "warning", `,"raised_at":"2026-01-02T03:04:05Z"`)).must(t)
		want := map[string]any{
			"type": "alert", "account_id": prefactortest.AccountID, "agent_id": prefactortest.AgentID, "agent_instance_id": instance,
			"environment_id": prefactortest.EnvironmentID, "name": "budget", "title": "budget", "summary": nil, "severity": "warning",
			"status": "raised", "version": 1.0, "raised_at": "2026-01-02T03:04:05.000000Z", "cleared_at": nil,
			"inserted_at": "2026-05-06T07:08:09.123456Z", "updated_at": "2026-05-06T07:08:09.123456Z", "id": created["id"],
		}
		if row := c.get("/alerts").doc["summaries"].([]any)[0]; !reflect.DeepEqual(row, want) {
			t.Errorf("the row is %v, want %v", row, want)
		}
		want["payload"], want["payload_sensitive_encoding"] = created["payload"], false
		id := created["id"].(string)
		if got := c.get("/alerts/" + id).must(t); !reflect.DeepEqual(got, want) || !reflect.DeepEqual(created, want) {
			t.Errorf("created %v, got %v, want %v", created, got, want)
		}
		a, ok := f.Alert(id)
		if !ok || a.Name != "budget" || a.Status != "raised" || string(a.Payload) != `{"n":12345678901234567890}` || !a.InsertedAt.Equal(fixed()) {
			t.Errorf("the fake holds %+v, %v", a, ok)
		}
		if _, ok := f.Alert("nope"); ok {
			t.Error("there is an alert with the id nope")
		}
	}, prefactortest.WithClock(fixed))
}

func TestRaisedNameIsUpdated(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	instance, other := c.started(), c.started()
	id := c.raise(instance, "budget", "warning", `,"raised_at":"2026-01-02T03:04:05Z"`)
	again := c.post("/alerts/raise", `{"agent_instance_id":"`+instance+`","name":"budget","severity":"critical","payload":{"m":2},"payload_sensitive_encoding":true,"raised_at":"2026-01-03T03:04:05Z"}`).must(t)
	if again["id"] != id || again["version"] != 2.0 || again["severity"] != "critical" || at(again, "payload.m") != 2.0 ||
		again["payload_sensitive_encoding"] != true || again["raised_at"] != "2026-01-03T03:04:05.000000Z" {
		t.Errorf("raised again: %v", again)
	}
	if c.raise(instance, "latency", "info", "") == id || c.raise(other, "budget", "info", "") == id {
		t.Error("another name or another instance has the same alert")
	}
	c.clear(instance, "budget", "").must(t)
	if c.raise(instance, "budget", "info", "") == id {
		t.Error("a cleared alert was raised again instead of a new one")
	}
	alerts := f.Alerts()
	if len(alerts) != 4 || alerts[0].Status != "cleared" || alerts[0].Version != 2 || alerts[3].Version != 1 {
		t.Errorf("the fake holds %+v", alerts)
	}
}

func TestClearAlert(t *testing.T) {
	t.Parallel()
	const payload = `{"n":12345678901234567890}`
	tests := []struct {
		name, more        string
		severity, payload string
		sensitive         bool
		at                time.Time
	}{
		{"with the required fields", "", "warning", payload, true, fixed()},
		{"with nulls", `,"payload":null,"severity":null,"cleared_at":null,"payload_sensitive_encoding":null`, "warning", payload, true, fixed()},
		{"with all fields", `,"payload":{"m":1},"severity":"info","cleared_at":"2026-01-02T03:04:05Z","payload_sensitive_encoding":false`,
			"info", `{"m":1}`, false, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := prefactortest.New(prefactortest.WithClock(fixed))
			c := direct(t, f)
			instance := c.started()
			id := c.raise(instance, "budget", "warning", `,"payload_sensitive_encoding":true`)
			if got := c.clear(instance, "budget", tt.more).must(t); got["id"] != id || got["status"] != "cleared" || got["cleared_at"] == nil {
				t.Errorf("cleared: %v", got)
			}
			if a, _ := f.Alert(id); a.Status != "cleared" || a.Severity != tt.severity || string(a.Payload) != tt.payload ||
				a.PayloadSensitiveEncoding != tt.sensitive || !a.ClearedAt.Equal(tt.at) || a.Version != 1 {
				t.Errorf("the fake holds %+v", a)
			}
			c.clear(instance, "budget", "").refused(t, 409, "invalid_action")
		})
	}
}

func TestAlertsRefuse(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	instance := c.started()
	for _, tt := range []struct{ name, path, body, field, code string }{
		{"no instance", "raise", `{}`, "agent_instance_id", "required"},
		{"no name", "raise", `{}`, "name", "required"},
		{"no severity", "raise", `{}`, "severity", "required"},
		{"no payload", "raise", `{}`, "payload", "required"},
		{"an unknown severity", "raise", alertBody(instance, "n", "fatal", ""), "severity", "invalid_value"},
		{"a naive time", "raise", alertBody(instance, "n", "info", `,"raised_at":"2026-01-02T03:04:05"`), "raised_at", "invalid_value"},
		{"a text for a flag", "raise", alertBody(instance, "n", "info", `,"payload_sensitive_encoding":"yes"`), "payload_sensitive_encoding", "invalid_value"},
		{"a clear without an instance", "clear", `{}`, "agent_instance_id", "required"},
		{"a clear without a name", "clear", `{}`, "name", "required"},
		{"a clear with an unknown severity", "clear", `{"severity":"fatal"}`, "severity", "invalid_value"},
		{"a list for the payload", "clear", `{"payload":[]}`, "payload", "invalid_value"},
	} {
		t.Run(tt.name, func(t *testing.T) { c.post("/alerts/"+tt.path, tt.body).invalid(t, tt.field, tt.code) })
	}
	c.post("/alerts/raise", alertBody("nope", "n", "info", "")).refused(t, 404, "not_found")
	c.clear("nope", "n", "").refused(t, 404, "not_found")
	c.clear(instance, "n", "").refused(t, 409, "invalid_action")
	c.get("/alerts/nope").refused(t, 404, "not_found")
	if len(f.Alerts()) != 0 || len(f.Spans()) != 0 {
		t.Errorf("refused requests left %+v and %+v", f.Alerts(), f.Spans())
	}
}

// Each raise leaves a span; only what is raised is counted.
func TestAlertsOfAnInstance(t *testing.T) {
	t.Parallel()
	f := prefactortest.New(prefactortest.RequireSchemas())
	c := direct(t, f)
	instance := c.started()
	count := func(want int) {
		t.Helper()
		row := c.get("/agent_instance?sorting=id").doc["summaries"].([]any)[0].(map[string]any)
		got := c.get("/agent_instance/" + instance).must(t)
		if row["raised_alert_count"] != float64(want) || got["raised_alert_count"] != float64(want) {
			t.Errorf("raised_alert_count is %v in a row and %v in details, want %d", row["raised_alert_count"], got["raised_alert_count"], want)
		}
		if i, _ := f.Instance(instance); i.RaisedAlertCount != want {
			t.Errorf("RaisedAlertCount is %d, want %d", i.RaisedAlertCount, want)
		}
	}
	c.raise(instance, "budget", "warning", `,"raised_at":"2026-01-02T03:04:05Z","payload_sensitive_encoding":true`)
	count(1)
	c.raise(instance, "budget", "error", "")
	c.raise(instance, "latency", "info", "")
	count(2)
	c.clear(instance, "budget", "").must(t)
	count(1)
	f.AssertTree(t, `
		instance active
		├── prefactor:alert complete
		├── prefactor:alert complete
		└── prefactor:alert complete
	`)
	raised := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if s := f.Spans()[0]; s.Purpose != "alert" || !s.SensitiveEncoding || string(s.Payload) != `{"n":12345678901234567890}` ||
		!s.StartedAt.Equal(raised) || !s.FinishedAt.Equal(raised) {
		t.Errorf("the span is %+v", s)
	}
	details := c.get("/agent_instance/" + instance).must(t)
	if at(details, "span_counts.total") != 3.0 || details["last_activity_span_at"] != nil {
		t.Errorf("the instance is %v", details)
	}
}

func TestAlertSchemas(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New(prefactortest.Strict()))
	instance := c.post("/agent_instance/register", `{"agent_id":"`+prefactortest.AgentID+`","agent_schema_version":{"alert_schemas":[
		{"name":"budget","title":"Budget spent","template":"spent {{n}}"}]}}`).must(t)["id"].(string)
	got := c.post("/alerts/raise", alertBody(instance, "budget", "info", `,"idempotency_key":"k"`)).must(t)
	if got["title"] != "Budget spent" || got["summary"] != "spent 12345678901234567890" {
		t.Errorf("the alert is %v", got)
	}
	c.post("/alerts/raise", alertBody(instance, "budget", "info", `,"colour":"red"`)).invalid(t, "colour", "invalid_value")
}

func TestAlertsAreIdempotent(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	instance := c.started()
	for _, tt := range []struct{ path, body string }{
		{"/alerts/raise", alertBody(instance, "budget", "info", "")},
		{"/alerts/clear", `{"agent_instance_id":"` + instance + `","name":"budget"}`},
	} {
		body := withKey(tt.body, "the-key")
		first := c.post(tt.path, body)
		first.must(t)
		wantJSON(t, c.post(tt.path, body).body, string(first.body))
	}
	if a := f.Alerts(); len(a) != 1 || a[0].Version != 1 || len(f.Spans()) != 1 {
		t.Errorf("the fake holds %+v and %d spans", a, len(f.Spans()))
	}
}

func TestListAlerts(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New(prefactortest.Strict()))
	other := c.post("/agent", `{"details":{"name":"other"}}`).must(t)["id"].(string)
	run := func(agent, environment string) string {
		return c.post("/agent_instance/register", `{"agent_id":"`+agent+`","environment_id":"`+environment+`"}`).must(t)["id"].(string)
	}
	first, second := run(prefactortest.AgentID, prefactortest.EnvironmentID), run(other, "staging")
	one := c.raise(first, "b", "critical", `,"raised_at":"2026-01-01T00:00:00Z"`)
	c.clear(first, "b", `,"cleared_at":"2026-01-03T00:00:00Z"`).must(t)
	two := c.raise(first, "a", "info", `,"raised_at":"2026-01-02T00:00:00Z"`)
	three := c.raise(second, "c", "info", `,"raised_at":"2026-01-05T00:00:00Z"`)
	tests := []struct {
		name  string
		query url.Values
		want  []string
	}{
		{"all", nil, []string{one, two, three}},
		{"of an instance", url.Values{"agent_instance_id": {first}}, []string{one, two}},
		{"of an agent", url.Values{"agent_id": {other}}, []string{three}},
		{"of an environment", url.Values{"environment_id": {"staging"}}, []string{three}},
		{"raised", url.Values{"status": {"raised"}}, []string{two, three}},
		{"cleared", url.Values{"status": {"cleared"}}, []string{one}},
		{"by severity", url.Values{"severity": {"critical"}}, []string{one}},
		{"by name", url.Values{"name": {"a"}}, []string{two}},
		{"by two filters", url.Values{"severity": {"info"}, "agent_id": {other}}, []string{three}},
		{"active from a time on", url.Values{"active_during[start_at]": {"2026-01-04T00:00:00Z"}}, []string{two, three}},
		{"active until a time", url.Values{"active_during[finish_at]": {"2026-01-04T00:00:00Z"}}, []string{one, two}},
		{"active in a period", url.Values{"active_during[start_at]": {"2026-01-03T00:00:00Z"}, "active_during[finish_at]": {"2026-01-04T00:00:00Z"}}, []string{one, two}},
		{"active in an early period", url.Values{"active_during[finish_at]": {"2026-01-01T00:00:00Z"}}, []string{one}},
		{"by name, descending", url.Values{"sorting": {"-name"}}, []string{three, one, two}},
		{"by the time they were raised", url.Values{"sorting[field]": {"timestamp"}, "sorting[direction]": {"desc"}}, []string{three, two, one}},
		{"one page", url.Values{"pagination[offset]": {"1"}, "pagination[page_size]": {"1"}}, []string{two}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantIDs(t, c.get("/alerts?"+tt.query.Encode()), tt.want...)
		})
	}
	for _, tt := range []struct{ query, path string }{
		{"status=open", "status"},
		{"severity=fatal", "severity"},
		{"active_during[start_at]=2026-01-02", "active_during[start_at]"},
		{"active_during[finish_at]=soon", "active_during[finish_at]"},
		{"sorting=severity", "sorting"},
		{"colour=red", "colour"},
	} {
		c.get("/alerts?"+tt.query).invalid(t, tt.path, "invalid_value")
	}
}

func TestCountAlerts(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	instance := c.started()
	c.raise(instance, "a", "critical", "")
	c.raise(instance, "b", "info", "")
	c.raise(instance, "c", "info", "")
	c.clear(instance, "c", "").must(t)
	for query, want := range map[string]int{
		"": 3, "status=raised": 2, "status=cleared": 1, "severity=info": 2, "status=raised&severity=info": 1, "severity=error": 0,
	} {
		wantJSON(t, c.get("/alerts/count?"+query).body, fmt.Sprintf(`{"status":"success","count":%d}`, want))
	}
	c.get("/alerts/count?status=open").invalid(t, "status", "invalid_value")
}

// A token sees the alerts of its account, agent and environment only.
func TestAlertsOfOtherTokens(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New(
		prefactortest.WithToken("other account", prefactortest.Grant{AccountID: "013xrzp12g3nqk8nacc1111111111111"}),
		prefactortest.WithToken("other agent", prefactortest.Grant{AgentID: "013xrzp12g3nqk8na000000000000000"}),
		prefactortest.WithToken("ingest", prefactortest.Grant{Ingestion: true}),
	))
	instance := c.started()
	id := c.raise(instance, "budget", "info", "")
	for _, token := range []string{"other account", "other agent"} {
		theirs := c.as(token)
		theirs.get("/alerts/"+id).refused(t, 404, "not_found")
		theirs.clear(instance, "budget", "").refused(t, 404, "not_found")
		wantIDs(t, theirs.get("/alerts"))
		if got := theirs.get("/alerts/count"); !strings.Contains(string(got.body), `"count":0`) {
			t.Errorf("%s counts %s", token, got.body)
		}
	}
	ingest := c.as("ingest")
	ingest.raise(instance, "budget", "info", "")
	ingest.clear(instance, "budget", "").must(t)
	for _, path := range []string{"/alerts", "/alerts/count", "/alerts/" + id} {
		ingest.get(path).refused(t, 401, "bad_authtoken")
	}
}
