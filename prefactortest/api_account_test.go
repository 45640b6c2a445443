package prefactortest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// first returns the first row of a list.
func (a answer) first(t testing.TB) map[string]any {
	t.Helper()
	a.must(t)
	rows, _ := a.doc["summaries"].([]any)
	if len(rows) == 0 {
		t.Fatalf("the list is empty: %s", a.body)
	}
	return rows[0].(map[string]any)
}

// The steps are those of the official CLI's setup command, in its order.
func TestSetupWalk(t *testing.T) {
	t.Parallel()
	f := prefactortest.New(prefactortest.Strict())
	c := direct(t, f)

	agent := c.post("/agent", `{"details":{"name":"billing"}}`).must(t)["id"].(string)
	c.get("/agent/" + agent).must(t)
	wantIDs(t, c.get("/agent_deployment?agent_id="+agent))
	account := c.get("/account").first(t)["id"].(string)
	environment := c.get("/environment?account_id=" + account).first(t)["id"].(string)
	if account != prefactortest.AccountID || environment != prefactortest.EnvironmentID {
		t.Errorf("the account is %s and the environment %s", account, environment)
	}

	created := c.post("/api_token", fmt.Sprintf(
		`{"details":{"token_scope":"agent_deployment","account_id":%q,"agent_id":%q,"environment_id":%q}}`, account, agent, environment))
	details := created.must(t)
	token, _ := created.doc["token"].(string)
	if token == "" || details["token_scope"] != "agent_deployment" || details["status"] != "active" ||
		details["agent_id"] != agent || details["environment_id"] != environment {
		t.Fatalf("the token is %s", created.body)
	}
	deployment := c.get("/agent_deployment?agent_id=" + agent).first(t)
	if deployment["id"] != details["agent_deployment_id"] || deployment["environment_id"] != environment || deployment["current_version_id"] != nil {
		t.Errorf("the token %v created the deployment %v", details, deployment)
	}

	issued := c.as(token)
	ping := issued.get("/ping").must(t)
	if ping["token_type"] != "api_session_agent_deployment_scope" || ping["agent_id"] != agent {
		t.Errorf("the ping with the new token returned %v", ping)
	}
	run := issued.post("/agent_instance/register", `{}`).must(t)
	if run["agent_id"] != agent || run["environment_id"] != environment || run["agent_deployment_id"] != deployment["id"] {
		t.Errorf("the run of the new token is %v", run)
	}
}

// The requests are those of the vendor's open dashboard, in its order.
func TestDashboardReads(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	instance := c.started()
	span := c.span(instance, "complete")
	c.do("PUT", "/agent_instance/"+instance, `{"details":{"quality_payload":{"grade":1}}}`).must(t)

	accounts := c.get("/account")
	if accounts.first(t)["id"] != prefactortest.AccountID || accounts.doc["details"] != nil {
		t.Errorf("the accounts are %s", accounts.body)
	}
	agent := c.get("/agent?account_id=" + prefactortest.AccountID).first(t)["id"].(string)
	const page = "&sorting[field]=id&sorting[direction]=desc&pagination[page_size]=100&pagination[offset]=0"
	if got := c.get("/agent_instance?agent_id=" + agent + page).first(t)["id"]; got != instance {
		t.Errorf("the first instance is %v, want %s", got, instance)
	}
	spans := c.get("/agent_spans?agent_id=" + agent + "&include_risk_level=true&sorting[field]=id&pagination[page_size]=100")
	ids := make(map[any]any)
	for _, row := range spans.doc["summaries"].([]any) {
		ids[at(row, "purpose")] = at(row, "id")
	}
	if len(ids) != 2 || ids["activity"] != span || ids["quality"] == nil {
		t.Errorf("the spans by purpose are %v, want %s and one of quality", ids, span)
	}
	details := c.get("/agent_instance/" + instance).must(t)
	if got := at(details, "quality_payload.grade"); got != 1.0 {
		t.Errorf("the quality is %v, want 1; the instance is %v", got, details)
	}
	c.get("/environment?account_id=" + prefactortest.AccountID).first(t)
}

func TestRegistrationsCreateVersions(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New(prefactortest.WithClock(fixed)))
	register := func(version, schema string, more string) answer {
		t.Helper()
		a := c.post("/agent_instance/register", fmt.Sprintf(`{"agent_version":{"external_identifier":%q},"agent_schema_version":
			{"external_identifier":"s","span_type_schemas":[{"name":%q,"params_schema":{"type":"object"}}]}%s}`, version, schema, more))
		a.must(t)
		return a
	}
	id := func(a answer, member string) any { return at(a.doc, member+".id") }

	first := register("1", "llm", "")
	same := register("1", "llm", "")
	otherVersion := register("2", "llm", "")
	otherSchema := register("1", "tool", `,"update_current_version":true`)
	register("1", "llm", "") // deploys nothing
	for _, tt := range []struct {
		name            string
		a               answer
		version, schema bool // are they those of the first registration
	}{
		{"the same", same, true, true},
		{"another version", otherVersion, false, true},
		{"another schema", otherSchema, false, false},
	} {
		if got := id(tt.a, "agent_version") == id(first, "agent_version"); got != tt.version {
			t.Errorf("%s: the version is that of the first: %v", tt.name, got)
		}
		if got := id(tt.a, "agent_schema_version") == id(first, "agent_schema_version"); got != tt.schema {
			t.Errorf("%s: the schema version is that of the first: %v", tt.name, got)
		}
		if at(tt.a.doc, "details.agent_version_id") != id(tt.a, "agent_version") {
			t.Errorf("%s: the instance has another version: %s", tt.name, tt.a.body)
		}
	}

	const agent = "?agent_id=" + prefactortest.AgentID
	versions, schemas := c.get("/agent_version"+agent), c.get("/agent_schema_version"+agent)
	wantIDs(t, versions, id(first, "agent_version").(string), id(otherVersion, "agent_version").(string), id(otherSchema, "agent_version").(string))
	wantIDs(t, schemas, id(first, "agent_schema_version").(string), id(otherSchema, "agent_schema_version").(string))
	wantIDs(t, c.get("/agent_version?agent_id=other"))

	deployed := id(otherSchema, "agent_version").(string)
	deployment := c.get("/agent_deployment" + agent).first(t)
	if deployment["current_version_id"] != deployed || deployment["id"] != at(first.doc, "details.agent_deployment_id") {
		t.Errorf("the deployment is %v, want the version %s", deployment, deployed)
	}
	version := c.get("/agent_version/" + deployed).must(t)
	if version["external_identifier"] != "1" || version["external_identifier_repeats"] != 1.0 ||
		version["agent_schema_version_id"] != id(otherSchema, "agent_schema_version") ||
		fmt.Sprint(version["current_agent_deployment_refs"]) != fmt.Sprintf("[%v]", deployment["id"]) {
		t.Errorf("the version is %v", version)
	}
	if row := versions.first(t); fmt.Sprint(row["current_agent_deployment_refs"]) != "[]" {
		t.Errorf("the version that isn't deployed is %v", row)
	}
	if row := schemas.first(t); row["span_schemas_count"] != 1.0 || row["span_type_schemas"] != nil {
		t.Errorf("the row of the schema version is %v", row)
	}
	schema := c.get("/agent_schema_version/" + id(otherSchema, "agent_schema_version").(string)).must(t)
	if fmt.Sprint(schema["current_agent_deployment_refs"]) != fmt.Sprintf("[%v]", deployment["id"]) || schema["span_schemas_count"] != nil {
		t.Errorf("the schema version is %v", schema)
	}
}

// schemas are all kinds of schemas, as a registration has them.
const schemas = `{"agent_id":"` + prefactortest.AgentID + `","agent_version":{"external_identifier":"1","runtime_environment":
	{"agent_sdk":[],"os":"linux","prefactor_sdk":["x@1"],"runtime":"go@1"}},
	"agent_schema_version":{"external_identifier":"s",
	"span_type_schemas":[{"name":"llm","title":"LLM","params_schema":{"type":"object"},"data_risk":{
		"action_profile":{"create_data":"allowed"},"params_data_categories":{"classification":"public"},"result_data_categories":{"gdpr_genetic_data":"excluded"}}}],
	"quality_schemas":[{"name":"tone","schema":{"type":"object"},"template":"{{grade}}"}],
	"alert_schemas":[{"name":"budget","schema":{},"description":"too dear"}]}}`

func TestSchemaVersion(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New(prefactortest.Strict()))
	a := c.post("/agent_instance/register", schemas)
	a.must(t)
	got := c.get("/agent_schema_version/" + at(a.doc, "agent_schema_version.id").(string)).must(t)
	for path, want := range map[string]any{
		"type":                                     "agent_schema_version",
		"external_identifier":                      "s",
		"span_type_schemas.llm.title":              "LLM",
		"span_type_schemas.llm.template":           nil,
		"span_type_schemas.llm.params_schema.type": "object",
		"span_type_schemas.llm.params_schema_validation.status":      "success",
		"span_type_schemas.llm.data_risk.action_profile.create_data": "allowed",
		"quality_schemas.tone.title":                                 "tone",
		"quality_schemas.tone.template":                              "{{grade}}",
		"quality_schemas.tone.schema.type":                           "object",
		"alert_schemas.budget.description":                           "too dear",
		"alert_schemas.budget.schema_validation.message":             nil,
	} {
		if value := at(got, path); value != want {
			t.Errorf("%s is %v, want %v", path, value, want)
		}
	}
	legacy := c.post("/agent_instance/register", `{"agent_id":"`+prefactortest.AgentID+`","agent_schema_version":
		{"span_schemas":{"llm":{"a":1}},"span_result_schemas":{"llm":{"b":2}}}}`)
	legacy.must(t)
	if at(legacy.doc, "agent_schema_version.span_type_schemas.llm.params_schema.a") != 1.0 ||
		at(legacy.doc, "agent_schema_version.span_type_schemas.llm.result_schema.b") != 2.0 {
		t.Errorf("the legacy maps became %s", legacy.body)
	}
}

func TestEnvironments(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New(prefactortest.WithToken("deploy", deploymentGrant)))
	made := c.post("/environment", `{"details":{"name":"eu","external_identifier":"eu-1","purpose":"staging","description":"d"}}`).must(t)
	id := made["id"].(string)
	for _, path := range []string{"/environment/" + id, "/environment/show?environment_id=" + id, "/environment/show?external_identifier=eu-1"} {
		got := c.get(path).must(t)
		if got["id"] != id || got["name"] != "eu" || got["purpose"] != "staging" || got["description"] != "d" ||
			got["external_identifier"] != "eu-1" || got["account_id"] != prefactortest.AccountID || got["type"] != "environment" {
			t.Errorf("%s: %v", path, got)
		}
	}
	wantIDs(t, c.get("/environment"), prefactortest.EnvironmentID, id)
	wantIDs(t, c.get("/environment?account_id=other"))
	wantIDs(t, c.as("deploy").get("/environment"), prefactortest.EnvironmentID)
	wantIDs(t, c.as("deploy").get("/account"), prefactortest.AccountID)
	c.as("deploy").get("/environment/"+id).refused(t, 404, "not_found")
	c.get("/environment/show").invalid(t, "environment_id", "required")
	c.get("/environment/show?external_identifier=nope").refused(t, 404, "not_found")
	c.get("/account/" + prefactortest.AccountID).must(t)
	c.get("/account/other").refused(t, 404, "not_found")
	c.post("/environment", `{"details":{"name":"n","external_identifier":"eu-1"}}`).invalid(t, "details.external_identifier", "invalid_value")
	c.post("/environment", `{"details":{"name":"n","id":"`+id+`"}}`).invalid(t, "details.id", "invalid_value")
	c.post("/environment", `{"details":{"name":"n","account_id":"other"}}`).refused(t, 404, "not_found")
	items := c.post("/bulk", bulk(
		`"_type":"environments/create","idempotency_key":"item-one","details":{"name":"us","external_identifier":"us-1"}`,
		`"_type":"environments/show","idempotency_key":"item-two","external_identifier":"us-1"`,
		`"_type":"environments/list","idempotency_key":"item-three"`,
	))
	if at(items.doc, "outputs.item-two.details.name") != "us" || at(items.doc, "outputs.item-three.status") != "success" {
		t.Errorf("the bulk request returned %s", items.body)
	}
	c.as("deploy").post("/environment", `{"details":{"name":"n"}}`).refused(t, 403, "forbidden")
}

var deploymentGrant = prefactortest.Grant{AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID}

func TestDeployments(t *testing.T) {
	t.Parallel()
	now := fixed()
	c := direct(t, prefactortest.New(prefactortest.WithClock(func() time.Time { return now })))
	environment := c.post("/environment", `{"details":{"name":"eu"}}`).must(t)["id"].(string)
	version := at(c.post("/agent_instance/register", `{}`).doc, "details.agent_version_id").(string)
	body := func(agent, environment, more string) string {
		return fmt.Sprintf(`{"details":{"agent_id":%q,"environment_id":%q%s}}`, agent, environment, more)
	}
	const id = "013xrzp12g3nqk8nd000000000000000"
	now = now.Add(time.Second)
	made := c.post("/agent_deployment", body(prefactortest.AgentID, environment, `,"id":"`+id+`","current_version_id":"`+version+`"`)).must(t)
	if made["id"] != id || made["current_version_id"] != version || made["type"] != "agent_deployment" || made["inserted_at"] != "2026-05-06T07:08:10.123456Z" {
		t.Errorf("the deployment is %v", made)
	}
	if run := c.post("/agent_instance/register", `{"environment_id":"`+environment+`"}`).must(t); run["agent_deployment_id"] != id {
		t.Errorf("the run has the deployment %v, want %s", run["agent_deployment_id"], id)
	}
	if got := c.get("/agent_deployment/" + id).must(t); got["environment_id"] != environment {
		t.Errorf("got the deployment %v", got)
	}
	now = now.Add(time.Second)
	c.post("/agent_instance/register", `{"environment_id":"`+environment+`","agent_version":{"external_identifier":"2"},"update_current_version":true}`).must(t)
	if got := c.get("/agent_deployment/" + id).must(t); got["current_version_id"] == version || got["updated_at"] != "2026-05-06T07:08:11.123456Z" {
		t.Errorf("the new version left the deployment %v", got)
	}
	c.post("/agent_deployment", body(prefactortest.AgentID, prefactortest.EnvironmentID, `,"id":"`+id+`"`)).invalid(t, "details.environment_id", "invalid_value")
	c.post("/agent_deployment", body(prefactortest.AgentID, environment, "")).invalid(t, "details.environment_id", "invalid_value")
	c.post("/agent_deployment", body("nope", environment, "")).refused(t, 404, "not_found")
	c.post("/agent_deployment", body(prefactortest.AgentID, "nope", "")).refused(t, 404, "not_found")
	c.post("/agent_deployment", body(prefactortest.AgentID, environment, `,"current_version_id":"nope"`)).refused(t, 404, "not_found")
	c.post("/agent_deployment", `{"details":{}}`).invalid(t, "details.agent_id", "required")
}
