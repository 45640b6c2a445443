package prefactortest_test

import (
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

func TestAuthorization(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New(prefactortest.WithToken(prefactortest.BadToken, prefactortest.Grant{})))
	tests := []struct {
		name, value string
		ok          bool
	}{
		{"the token", "Bearer test-token", true},
		{"the scheme in lower case", "bearer test-token", true},
		{"none", "", false},
		{"no scheme", "test-token", false},
		{"another scheme", "Basic test-token", false},
		{"an unknown token", "Bearer other", false},
		{"the bad token, even if granted", "Bearer bad", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := c.request("GET", "/ping", "")
			req.Header.Del("Authorization")
			if tt.value != "" {
				req.Header.Set("Authorization", tt.value)
			}
			a, err := c.send(req)
			switch {
			case err != nil:
				t.Error(err)
			case tt.ok:
				wantJSON(t, a.body, `{"status":"success","details":{"token_type":"api_session_account_scope"}}`)
			default:
				a.refused(t, 401, "bad_authtoken")
			}
		})
	}
}

func TestAddAndRevokeTokens(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	f.RevokeToken(prefactortest.Token)
	c.get("/ping").refused(t, 401, "bad_authtoken")
	f.AddToken("fresh", prefactortest.Grant{})
	c.as("fresh").get("/ping").must(t)
}

func TestIngestionToken(t *testing.T) {
	t.Parallel()
	f := prefactortest.New(prefactortest.WithToken("ingest", prefactortest.Grant{Ingestion: true}))
	c := direct(t, f).as("ingest")
	instance := c.started()
	span := c.span(instance, "active")
	c.post("/agent_spans/"+span+"/finish", `{}`).must(t)
	c.get("/agent_instance/" + instance).must(t)
	c.get("/ping").must(t)
	for _, path := range []string{"/agent_instance", "/agent_spans", "/agent_spans/" + span, "/agent", "/agent/" + prefactortest.AgentID} {
		c.get(path).refused(t, 401, "bad_authtoken")
	}
	c.do("PUT", "/agent_instance/"+instance, `{"details":{}}`).refused(t, 401, "bad_authtoken")
	bulk := c.post("/bulk", `{"items":[{"_type":"agent_spans/list","idempotency_key":"12345678"}]}`)
	if got := at(bulk.doc, "outputs.12345678.code"); got != "bad_authtoken" {
		t.Errorf("a forbidden item has the code %v: %s", got, bulk.body)
	}
}

func TestDeploymentToken(t *testing.T) {
	t.Parallel()
	const agent, environment = "013xrzp12g3nqk8na000000000000000", "013xrzp12g3nqk8ne000000000000000"
	f := prefactortest.New(
		prefactortest.WithToken("deploy", prefactortest.Grant{AgentID: agent, EnvironmentID: environment}),
		prefactortest.Strict(),
	)
	account := direct(t, f)
	c := account.as("deploy")

	details := c.post("/agent_instance/register", `{}`).must(t)
	if details["agent_id"] != agent || details["environment_id"] != environment {
		t.Errorf("agent and environment weren't derived: %v", details)
	}
	if ping := c.get("/ping").must(t); ping["token_type"] != "api_session_agent_deployment_scope" || ping["agent_id"] != agent {
		t.Errorf("ping describes the token as %v", ping)
	}
	mine := details["id"].(string)
	mySpan := c.span(mine, "active")
	body := `{"agent_id":"` + prefactortest.AgentID + `"}`
	theirs := account.post("/agent_instance/register", body).must(t)["id"].(string)
	theirSpan := account.span(theirs, "active")
	elsewhere := account.post("/agent_instance/register",
		`{"agent_id":"`+agent+`","environment_id":"`+prefactortest.EnvironmentID+`"}`).must(t)["id"].(string)

	for name, a := range map[string]answer{
		"registers another agent":          c.post("/agent_instance/register", body),
		"registers in another environment": c.post("/agent_instance/register", `{"environment_id":"`+prefactortest.EnvironmentID+`"}`),
		"gets another agent's instance":    c.get("/agent_instance/" + theirs),
		"gets another environment's":       c.get("/agent_instance/" + elsewhere),
		"starts another agent's instance":  c.move(theirs, "start"),
		"writes a span there":              c.post("/agent_spans", spanBody(theirs, "active", "")),
		"finishes a span there":            c.post("/agent_spans/"+theirSpan+"/finish", `{}`),
		"gets another agent":               c.get("/agent/" + prefactortest.AgentID),
	} {
		t.Run(name, func(t *testing.T) { a.refused(t, 404, "not_found") })
	}
	for name, a := range map[string]answer{
		"creates an agent": c.post("/agent", `{"details":{"name":"n"}}`),
		"retires its own":  c.post("/agent/"+agent+"/retire", ""),
	} {
		t.Run(name, func(t *testing.T) { a.refused(t, 403, "forbidden") })
	}
	wantIDs(t, c.get("/agent_instance"), mine)
	wantIDs(t, c.get("/agent_instance?agent_id="+agent), mine)
	wantIDs(t, c.get("/agent_spans"), mySpan)
	wantIDs(t, c.get("/agent_spans?agent_instance_id="+theirs))
	wantIDs(t, c.get("/agent"), agent)
}

func TestDeploymentTokenOfEveryEnvironment(t *testing.T) {
	t.Parallel()
	f := prefactortest.New(prefactortest.WithToken("deploy", prefactortest.Grant{AgentID: prefactortest.AgentID}))
	c := direct(t, f).as("deploy")
	a, b := c.started(), c.post("/agent_instance/register", `{"environment_id":"other"}`).must(t)["id"].(string)
	c.span(b, "active")
	wantIDs(t, c.get("/agent_instance"), a, b)
}

func TestAccountsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	f := prefactortest.New(prefactortest.WithToken("other", prefactortest.Grant{AccountID: "013xrzp12g3nqk8nacc1111111111111"}))
	mine := direct(t, f)
	theirs := mine.as("other")
	instance := mine.started()
	span := mine.span(instance, "active")
	theirs.get("/agent_instance/"+instance).refused(t, 404, "not_found")
	theirs.get("/agent_spans/"+span).refused(t, 404, "not_found")
	theirs.get("/agent/"+prefactortest.AgentID).refused(t, 404, "not_found")
	wantIDs(t, theirs.get("/agent_instance"))
	wantIDs(t, theirs.get("/agent_instance?agent_id="+prefactortest.AgentID))
	wantIDs(t, theirs.get("/agent_spans?agent_instance_id="+instance))
	wantIDs(t, theirs.get("/agent_spans?agent_id="+prefactortest.AgentID))
	wantIDs(t, theirs.get("/agent"))
}
