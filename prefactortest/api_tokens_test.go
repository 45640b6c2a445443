package prefactortest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

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

func TestIssuedTokens(t *testing.T) {
	t.Parallel()
	now := fixed()
	f := prefactortest.New(prefactortest.WithClock(func() time.Time { return now }))
	c := direct(t, f)
	issue := func(more string) (id string, issued client) {
		t.Helper()
		a := c.post("/api_token", `{"details":{"token_scope":"account"`+more+`}}`)
		return a.must(t)["id"].(string), c.as(a.doc["token"].(string))
	}
	id, issued := issue("")
	move := func(verb string) answer { return c.post("/api_token/"+id+"/"+verb, "") }

	issued.get("/agent").must(t)
	now = now.Add(time.Minute)
	issued.get("/ping").must(t)
	if got := c.get("/api_token/" + id).must(t); got["last_used_at"] != "2026-05-06T07:09:09.123456Z" || got["token_scope"] != "account" ||
		got["inserted_at"] != "2026-05-06T07:08:09.123456Z" || got["expires_at"] != nil || got["agent_id"] != nil || got["type"] != "api_token" {
		t.Errorf("the token is %v", got)
	}
	for _, step := range []struct {
		verb, status string // an empty status means that the token can't be moved
		accepted     bool
	}{
		{"activate", "", true},
		{"suspend", "suspended", false},
		{"suspend", "", false},
		{"activate", "active", true},
		{"revoke", "revoked", false},
		{"activate", "", false},
		{"revoke", "", false},
	} {
		a := move(step.verb)
		if step.status == "" {
			a.refused(t, 409, "invalid_action")
		} else if got := a.must(t)["status"]; got != step.status {
			t.Errorf("after %s the status is %v, want %s", step.verb, got, step.status)
		}
		if got := issued.get("/ping").status == 200; got != step.accepted {
			t.Errorf("after %s the token is accepted: %v", step.verb, got)
		}
	}
	if got := c.do("DELETE", "/api_token/"+id, "").must(t)["id"]; got != id {
		t.Errorf("the deletion returned the token %v, want %s", got, id)
	}
	c.get("/api_token/"+id).refused(t, 404, "not_found")
	c.do("DELETE", "/api_token/"+id, "").refused(t, 404, "not_found")

	id, issued = issue(`,"expires_at":"2026-05-06T07:10:00Z"`)
	issued.get("/ping").must(t)
	now = time.Date(2026, 5, 6, 7, 10, 0, 0, time.UTC)
	issued.get("/ping").refused(t, 401, "bad_authtoken")
	c.do("DELETE", "/api_token/"+id, "").refused(t, 409, "invalid_action")
}

func TestIssuingTokensIsRefused(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New(prefactortest.WithToken("deploy", deploymentGrant)))
	const place = `"agent_id":"` + prefactortest.AgentID + `","environment_id":"` + prefactortest.EnvironmentID + `"`
	for _, tt := range []struct{ name, details, path, code string }{
		{"without a scope", `{}`, "details.token_scope", "required"},
		{"with another scope", `{"token_scope":"environment"}`, "details.token_scope", "invalid_value"},
		{"for a deployment without an agent", `{"token_scope":"agent_deployment"}`, "details.agent_id", "required"},
		{"for a deployment without an environment", `{"token_scope":"agent_deployment"}`, "details.environment_id", "required"},
		{"for an account with an agent", `{"token_scope":"account",` + place + `}`, "details.agent_id", "invalid_value"},
		{"for an account with an environment", `{"token_scope":"account",` + place + `}`, "details.environment_id", "invalid_value"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.post("/api_token", `{"details":`+tt.details+`}`).invalid(t, tt.path, tt.code)
		})
	}
	c.post("/api_token", `{"details":{"token_scope":"account","account_id":"other"}}`).refused(t, 404, "not_found")
	c.post("/api_token", `{"details":{"token_scope":"agent_deployment","agent_id":"nope","environment_id":"e"}}`).refused(t, 404, "not_found")
	for _, path := range []string{"/api_token", "/api_token/x"} {
		c.as("deploy").get(path).refused(t, 403, "forbidden")
	}
	if n := len(c.get("/api_token").doc["summaries"].([]any)); n != 2 {
		t.Errorf("%d tokens are known, want 2: none was issued", n)
	}
}

func TestGrantedTokensAreListed(t *testing.T) {
	t.Parallel()
	f := prefactortest.New(prefactortest.WithToken("deploy", deploymentGrant))
	c := direct(t, f)
	list := func() string {
		t.Helper()
		var all []string
		for _, row := range c.get("/api_token?account_id=" + prefactortest.AccountID).doc["summaries"].([]any) {
			all = append(all, fmt.Sprint(at(row, "token_scope"), " ", at(row, "status")))
		}
		return strings.Join(all, ", ")
	}
	if got, want := list(), "agent_deployment active, account active"; got != want {
		t.Errorf("the tokens are %s, want %s", got, want)
	}
	f.RevokeToken("deploy")
	if got, want := list(), "agent_deployment revoked, account active"; got != want {
		t.Errorf("the tokens are %s, want %s", got, want)
	}
	f.AddToken("deploy", prefactortest.Grant{})
	if got, want := list(), "account active, account active"; got != want {
		t.Errorf("the tokens are %s, want %s", got, want)
	}
}
