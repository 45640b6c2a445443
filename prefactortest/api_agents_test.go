package prefactortest_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

func TestCreateAgent(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New(prefactortest.WithClock(fixed)))
	details := c.post("/agent", `{"details":{"name":"billing","description":"bills","external_identifier":"b-1","team_id":"t"}}`).must(t)
	for field, want := range map[string]any{
		"type": "agent", "name": "billing", "description": "bills", "external_identifier": "b-1", "team_id": "t",
		"owner_person_id": nil, "risk_profile_id": nil, "status": "pending", "inserted_at": "2026-05-06T07:08:09.123456Z",
	} {
		if details[field] != want {
			t.Errorf("details.%s is %v, want %v", field, details[field], want)
		}
	}
	id := details["id"].(string)
	for name, path := range map[string]string{
		"get":                 "/agent/" + id,
		"show by id":          "/agent/show?agent_id=" + id,
		"show by external id": "/agent/show?external_identifier=b-1&include_counts=true",
	} {
		if got := c.get(path).must(t)["id"]; got != id {
			t.Errorf("%s: got %v, want %s", name, got, id)
		}
	}
}

func TestCreateAgentRefuses(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	c.post("/agent", `{"details":{"name":"n","external_identifier":"taken"}}`).must(t)
	tests := []struct{ name, body, path, code string }{
		{"no details", `{"name":"n"}`, "details", "required"},
		{"no name", `{"details":{}}`, "details.name", "required"},
		{"an empty name", `{"details":{"name":""}}`, "details.name", "required"},
		{"an id that isn't a PFID", `{"details":{"name":"n","id":"mine"}}`, "details.id", "invalid_value"},
		{"an id of another partition", `{"details":{"name":"n","id":"00000000000000000000000000000000"}}`, "details.id", "invalid_value"},
		{"an id twice", `{"details":{"name":"n","id":"` + prefactortest.AgentID + `"}}`, "details.id", "invalid_value"},
		{"an external identifier twice", `{"details":{"name":"n","external_identifier":"taken"}}`, "details.external_identifier", "invalid_value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.post("/agent", tt.body).invalid(t, tt.path, tt.code)
		})
	}
}

// An update keeps what it doesn't name and clears what is null.
func TestUpdateAgent(t *testing.T) {
	t.Parallel()
	all := map[string]string{"name": "n", "description": "d", "owner_person_id": "p", "risk_profile_id": "r", "team_id": "t"}
	tests := []struct {
		name, details string
		changed       map[string]any
	}{
		{"nothing", ``, nil},
		{"a new name", `"name":"m"`, map[string]any{"name": "m"}},
		{"new ids", `"owner_person_id":"p2","risk_profile_id":"r2","team_id":"t2"`, map[string]any{"owner_person_id": "p2", "risk_profile_id": "r2", "team_id": "t2"}},
		{"cleared ids", `"owner_person_id":null,"risk_profile_id":null,"team_id":null`, map[string]any{"owner_person_id": nil, "risk_profile_id": nil, "team_id": nil}},
		{"a cleared description", `"description":null`, map[string]any{"description": nil}},
		{"the same external identifier", `"external_identifier":"same"`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := direct(t, prefactortest.New())
			id := c.post("/agent", `{"details":{"name":"n","description":"d","owner_person_id":"p","risk_profile_id":"r","team_id":"t","external_identifier":"same"}}`).must(t)["id"].(string)
			c.do("PUT", "/agent/"+id, `{"details":{`+tt.details+`}}`).must(t)
			got := c.get("/agent/" + id).must(t)
			for field, value := range all {
				var want any = value
				if changed, ok := tt.changed[field]; ok {
					want = changed
				}
				if got[field] != want {
					t.Errorf("%s is %v, want %v", field, got[field], want)
				}
			}
		})
	}
}

func TestUpdateAgentRefuses(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	put := func(body string) answer { return c.do("PUT", "/agent/"+prefactortest.AgentID, body) }
	put(`{"details":{"external_identifier":"other"}}`).invalid(t, "details.external_identifier", "invalid_value")
	put(`{"details":{"name":null}}`).invalid(t, "details.name", "required")
	put(`{"details":{"name":""}}`).invalid(t, "details.name", "required")
	put(`{}`).invalid(t, "details", "required")
	id := c.post("/agent", `{"details":{"name":"n","external_identifier":"e"}}`).must(t)["id"].(string)
	c.do("PUT", "/agent/"+id, `{"details":{"external_identifier":null}}`).invalid(t, "details.external_identifier", "invalid_value")
}

// A row of a list lacks the risk profile.
func TestAgentRow(t *testing.T) {
	t.Parallel()
	eachFace(t, func(t *testing.T, _ *prefactortest.Fake, c client) {
		c.do("PUT", "/agent/"+prefactortest.AgentID, `{"details":{"risk_profile_id":"r"}}`).must(t)
		instance := c.started()
		fresh := c.get("/agent/" + prefactortest.AgentID).must(t)
		if last, ok := fresh["last_activity_span_at"]; !ok || last != nil {
			t.Errorf("before any span, last_activity_span_at is %v", last)
		}
		c.post("/agent_spans", spanBody(instance, "active", `"started_at":"2026-01-02T03:04:05Z"`)).must(t)
		details := c.get("/agent/" + prefactortest.AgentID).must(t)
		if details["last_activity_span_at"] != "2026-01-02T03:04:05.000000Z" || details["risk_profile_id"] != "r" {
			t.Errorf("the details are %v", details)
		}
		delete(details, "risk_profile_id")
		if row := c.get("/agent").doc["summaries"].([]any)[0]; !reflect.DeepEqual(row, any(details)) {
			t.Errorf("the row is %v, want %v", row, details)
		}
	})
}

func TestAvailableActions(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	const path = "/agent/" + prefactortest.AgentID
	want := map[string]any{"update": true, "retire": true, "reinstate": false, "delete": true}
	if got := c.get(path).must(t)["available_actions"]; !reflect.DeepEqual(got, want) {
		t.Errorf("available_actions is %v, want %v", got, want)
	}
	want["retire"], want["reinstate"] = false, true
	if got := c.post(path+"/retire", "").must(t)["available_actions"]; !reflect.DeepEqual(got, want) {
		t.Errorf("of a retired agent available_actions is %v, want %v", got, want)
	}
}

func TestShowAgent(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New(prefactortest.WithToken("other", prefactortest.Grant{AgentID: "other"})))
	id := c.post("/agent", `{"details":{"name":"n","external_identifier":"e"}}`).must(t)["id"].(string)
	const flags = "&environment_id=env&include_counts=true"
	for _, query := range []string{"agent_id=" + id, "external_identifier=e"} {
		a := c.get("/agent/show?" + query + flags)
		if got := a.must(t)["id"]; got != id || at(a.doc, "details.instance_counts.total") != 0.0 {
			t.Errorf("by %s: %s", query, a.body)
		}
		if _, ok := a.doc["risk_rollup"]; ok {
			t.Errorf("a risk_rollup that wasn't asked for: %s", a.body)
		}
		c.as("other").get("/agent/show?"+query).refused(t, 404, "not_found")
	}
	c.get("/agent/show").invalid(t, "agent_id", "required")
	c.get("/agent/show?agent_id="+id+"&external_identifier=e").invalid(t, "external_identifier", "invalid_value")
	c.get("/agent/show?agent_id="+id+"&include_risk_rollup=1").invalid(t, "include_risk_rollup", "invalid_value")
	c.get("/agent/show?agent_id="+id+"&include_counts=1").invalid(t, "include_counts", "invalid_value")
}

func TestRiskRollup(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	rollup := func() string {
		a := c.get("/agent/show?include_risk_rollup=true&agent_id=" + prefactortest.AgentID)
		a.must(t)
		_, text, _ := strings.Cut(string(a.body), `"risk_rollup":`)
		return strings.TrimSuffix(text, "}")
	}
	wantJSON(t, []byte(rollup()), `{"observed_risk":null,"theoretical_risk":null}`)
	id := c.post("/agent_instance/register", `{"agent_schema_version":{"span_type_schemas":[
		{"name":"app:llm","data_risk":{"action_profile":{"external_communication":"allowed"},
			"params_data_categories":{"classification":"internal","contact_information":"included","minors_data":"excluded"},
			"result_data_categories":{"classification":"restricted","health_and_medical":"included"}}},
		{"name":"app:tool","data_risk":{"action_profile":{"external_communication":"disallowed"},
			"params_data_categories":{"classification":"secret"},"result_data_categories":{}}},
		{"name":"app:odd","data_risk":{}},
		{"name":"app:new"}]}}`).must(t)["id"].(string)
	c.span(id, "active")
	c.span(id, "complete")
	c.move(id, `record_quality {"name":"tone","payload":{}}`).must(t)
	wantJSON(t, []byte(rollup()), `{"observed_risk":{"highest_classification":"restricted","classification_counts":{"restricted":1},`+
		`"all_data_categories":["contact_information","health_and_medical"],"external_communication_count":1,`+
		`"total_span_types":1,"assessed_span_types":1,"unassessed_span_types":0},`+
		`"theoretical_risk":{"highest_classification":"secret","classification_counts":{"restricted":1,"secret":1,"unknown":1},`+
		`"all_data_categories":["contact_information","health_and_medical"],"external_communication_count":1,`+
		`"total_span_types":4,"assessed_span_types":3,"unassessed_span_types":1}}`)
}

func TestRetireAndReinstateAgent(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	const path = "/agent/" + prefactortest.AgentID
	c.register()
	c.post(path+"/reinstate", "").refused(t, 409, "invalid_action")
	got := c.post(path+"/retire", "").must(t)
	if got["status"] != "retired" || at(got, "available_actions.reinstate") != true || at(got, "available_actions.retire") != false {
		t.Errorf("after retiring: %v", got)
	}
	c.post(path+"/retire", `{}`).refused(t, 409, "invalid_action")
	if got := c.post(path+"/reinstate", "").must(t)["status"]; got != "active" {
		t.Errorf("an agent with instances is %v when reinstated, want active", got)
	}
}

func TestDeleteAgent(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	id := c.post("/agent", `{"details":{"name":"n"}}`).must(t)["id"].(string)
	if got := c.do("DELETE", "/agent/"+id, "").must(t)["id"]; got != id {
		t.Errorf("deleted %v, want %s", got, id)
	}
	c.get("/agent/"+id).refused(t, 404, "not_found")
	c.do("DELETE", "/agent/"+id, "").refused(t, 404, "not_found")
	wantIDs(t, c.get("/agent"), prefactortest.AgentID)
}

func TestAgentCounts(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	for _, status := range []string{"pending", "active", "complete", "failed", "cancelled", "terminated"} {
		c.instanceIn(status)
	}
	a := c.get("/agent/" + prefactortest.AgentID)
	want := `"instance_counts":{"total":6,"pending":1,"active":1,"complete":1,"failed":1,"cancelled":1,"finished":4,"terminated":1}`
	if !strings.Contains(string(a.body), want) {
		t.Errorf("got %s, want %s", a.body, want)
	}
}

func TestListAgents(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	create := func(details string) string {
		return c.post("/agent", `{"details":{`+details+`}}`).must(t)["id"].(string)
	}
	b := create(`"name":"b","team_id":"red"`)
	a := create(`"name":"a","team_id":"blue"`)
	tests := []struct {
		query string
		want  []string
	}{
		{"", []string{prefactortest.AgentID, b, a}},
		{"?team_id=red", []string{b}},
		{"?team_id=null", []string{prefactortest.AgentID}},
		{"?team_id=red&owner_person_id=null", []string{b}},
		{"?sorting=-name&pagination[page_size]=2", []string{b, a}},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) { wantIDs(t, c.get("/agent"+tt.query), tt.want...) })
	}
}

func TestUnknownAgent(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	c.get("/agent/nope").refused(t, 404, "not_found")
	c.get("/agent/show?external_identifier=nope").refused(t, 404, "not_found")
	c.do("PUT", "/agent/nope", `{"details":{}}`).refused(t, 404, "not_found")
}

func TestRegistrationCreatesItsAgent(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	c.post("/agent_instance/register", `{"agent_id":"agent-from-an-environment-variable"}`).must(t)
	c.get("/agent/agent-from-an-environment-variable").must(t)
}
