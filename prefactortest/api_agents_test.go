package prefactortest_test

import (
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

func TestUpdateAgent(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	id := c.post("/agent", `{"details":{"name":"n","description":"d","team_id":"t","external_identifier":"e"}}`).must(t)["id"].(string)
	put := func(body string) answer { return c.do("PUT", "/agent/"+id, body) }
	got := put(`{"details":{"name":"m","team_id":null,"external_identifier":"e"}}`).must(t)
	if got["name"] != "m" || got["description"] != "d" || got["team_id"] != nil {
		t.Errorf("after the update: %v", got)
	}
	put(`{"details":{"external_identifier":"other"}}`).invalid(t, "details.external_identifier", "invalid_value")
	put(`{}`).invalid(t, "details", "required")
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
	c.get("/agent/show").invalid(t, "agent_id", "required")
	c.do("PUT", "/agent/nope", `{"details":{}}`).refused(t, 404, "not_found")
}

func TestRegistrationCreatesItsAgent(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	c.post("/agent_instance/register", `{"agent_id":"agent-from-an-environment-variable"}`).must(t)
	c.get("/agent/agent-from-an-environment-variable").must(t)
}
