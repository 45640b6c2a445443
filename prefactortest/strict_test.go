package prefactortest_test

import (
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// By default the fake accepts what strict mode refuses.
func TestStrict(t *testing.T) {
	t.Parallel()
	const agent = `"agent_id":"` + prefactortest.AgentID + `"`
	const details = `"agent_instance_id":"$instance","schema_name":"s","status":"active","payload":{}`
	tests := []struct {
		name, method, path, body string
		errors                   string // the path of the error; empty means 404
		code                     string
	}{
		{"an unknown field", "POST", "/agent_instance/register", `{` + agent + `,"colour":"red"}`, "colour", "invalid_value"},
		{"an unknown field of details", "POST", "/agent_spans", `{"details":{` + details + `,"colour":1}}`, "details.colour", "invalid_value"},
		{"an unknown field of the version", "POST", "/agent_instance/register", `{` + agent + `,"agent_version":{"colour":1}}`, "agent_version.colour", "invalid_value"},
		{"an unknown field of the schema version", "POST", "/agent_instance/register", `{` + agent + `,"agent_schema_version":{"colour":1}}`, "agent_schema_version.colour", "invalid_value"},
		{"details where there are none", "POST", "/agent_instance/register", `{` + agent + `,"details":{}}`, "details", "invalid_value"},
		{"a key inside details", "POST", "/agent_spans", `{"details":{` + details + `,"idempotency_key":"k"}}`, "details.idempotency_key", "invalid_value"},
		{"an unknown parameter", "GET", "/agent_instance?status=active", ``, "status", "invalid_value"},
		{"an unknown agent", "POST", "/agent_instance/register", `{"agent_id":"who"}`, "", ""},
		{"a registration without an agent", "POST", "/agent_instance/register", `{}`, "agent_id", "required"},
		{"a finished_at of an active span", "POST", "/agent_spans", `{"details":{` + details + `,"finished_at":"2026-01-02T03:04:05Z"}}`, "details.finished_at", "invalid_value"},
		{"a parent of another instance", "POST", "/agent_spans", `{"details":{` + details + `,"parent_span_id":"$span"}}`, "details.parent_span_id", "invalid_value"},
		{"a quality recording without a payload", "POST", "/agent_instance/$instance/record_quality", `{"name":"n"}`, "payload", "required"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for mode, opts := range map[string][]prefactortest.Option{"lenient": nil, "strict": strict} {
				c := direct(t, prefactortest.New(opts...))
				register := func() string { return c.post("/agent_instance/register", `{`+agent+`}`).must(t)["id"].(string) }
				instance := register()
				vars := map[string]string{"$instance": instance, "$span": c.span(register(), "active")}
				a := c.do(tt.method, expand(tt.path, vars), expand(tt.body, vars))
				switch {
				case mode == "lenient":
					a.must(t)
				case tt.errors == "":
					a.refused(t, 404, "not_found")
				default:
					a.invalid(t, tt.errors, tt.code)
				}
			}
		})
	}
}

func TestStrictContentType(t *testing.T) {
	t.Parallel()
	const body = `{"agent_id":"` + prefactortest.AgentID + `"}`
	for contentType, refused := range map[string]bool{
		"application/json": false, "application/json; charset=utf-8": false, "": true, "text/plain": true,
	} {
		for mode, opts := range map[string][]prefactortest.Option{"lenient": nil, "strict": strict} {
			c := direct(t, prefactortest.New(opts...))
			req := c.request("POST", "/agent_instance/register", body)
			req.Header.Set("Content-Type", contentType)
			a, err := c.send(req)
			switch {
			case err != nil:
				t.Fatal(err)
			case refused && mode == "strict":
				a.refused(t, 400, "bad_request")
			default:
				a.must(t)
			}
		}
	}
}

func TestStrictBulkNeedsDetails(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New(strict...))
	a := c.post("/bulk", bulk(`"_type":"agent_spans/create","idempotency_key":"12345678","schema_name":"s"`))
	if got := at(a.doc, "outputs.12345678.errors.details.code"); got != "required" {
		t.Errorf("got %s", a.body)
	}
}
