package prefactortest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// bulk returns the body of a bulk request; items are objects without braces.
func bulk(items ...string) string {
	return `{"items":[{` + strings.Join(items, `},{`) + `}]}`
}

func TestBulkRunsInOrder(t *testing.T) {
	t.Parallel()
	const instance, span, other = "013xrzp12g3nqk8n1000000000000000", "013xrzp12g3nqk8n2000000000000000", "013xrzp12g3nqk8n3000000000000000"
	f := prefactortest.New()
	c := direct(t, f)
	a := c.post("/bulk", bulk(
		`"_type":"agent_instances/register","idempotency_key":"register","id":"`+instance+`"`,
		`"_type":"agent_instances/start","idempotency_key":"start-it","agent_instance_id":"`+instance+`"`,
		`"_type":"agent_spans/create","idempotency_key":"wrapped-","details":{"id":"`+span+`","agent_instance_id":"`+instance+`","schema_name":"app:llm","status":"active","payload":{}}`,
		`"_type":"agent_spans/create","idempotency_key":"flat-one","parent_span_id":"`+span+`","agent_instance_id":"`+instance+`","schema_name":"app:tool","status":"complete","payload":{}`,
		`"_type":"agent_spans/finish","idempotency_key":"finish-s","agent_span_id":"`+span+`","status":"failed"`,
		`"_type":"agent_spans/show","idempotency_key":"show-spa","agent_span_id":"`+span+`"`,
		`"_type":"agent_spans/list","idempotency_key":"list-spa","agent_instance_id":"`+instance+`","pagination":{"page_size":1},"sorting":"-title"`,
		`"_type":"agent_instances/record_quality","idempotency_key":"quality-","agent_instance_id":"`+instance+`","name":"tone","payload":{}`,
		`"_type":"agent_instances/update","idempotency_key":"update-i","agent_instance_id":"`+instance+`","details":{"quality_payload":{}}`,
		`"_type":"agent_instances/terminate","idempotency_key":"terminat","agent_instance_id":"`+instance+`","reason":"enough"`,
		`"_type":"agent_instances/show","idempotency_key":"show-ins","agent_instance_id":"`+instance+`"`,
		`"_type":"agent_instances/list","idempotency_key":"list-ins","sorting":{"field":"id","direction":"desc"}`,
		`"_type":"agent_instances/register","idempotency_key":"regist-2","id":"`+other+`"`,
		`"_type":"agent_instances/finish","idempotency_key":"finish-i","agent_instance_id":"`+other+`","status":"cancelled"`,
		`"_type":"agents/create","idempotency_key":"agent-cr","details":{"name":"n","external_identifier":"e"}`,
		`"_type":"agents/show","idempotency_key":"agent-sh","external_identifier":"e"`,
		`"_type":"agents/update","idempotency_key":"agent-up","agent_id":"`+prefactortest.AgentID+`","details":{"name":"m"}`,
		`"_type":"agents/retire","idempotency_key":"agent-re","agent_id":"`+prefactortest.AgentID+`"`,
		`"_type":"agents/reinstate","idempotency_key":"agent-ba","agent_id":"`+prefactortest.AgentID+`"`,
		`"_type":"agents/list","idempotency_key":"agent-li"`,
		`"_type":"agents/delete","idempotency_key":"agent-de","agent_id":"`+prefactortest.AgentID+`"`,
	))
	a.must(t)
	outputs := a.doc["outputs"].(map[string]any)
	if len(outputs) != 21 {
		t.Errorf("%d outputs, want 21", len(outputs))
	}
	for key, output := range outputs {
		if got := at(output, "status"); got != "success" {
			t.Errorf("%s: %v", key, output)
		}
	}
	if rows := at(outputs, "list-spa.summaries").([]any); len(rows) != 1 || rows[0].(map[string]any)["schema_name"] != "app:tool" {
		t.Errorf("the list of spans ignores its page or order: %v", rows)
	}
	f.AssertTree(t, `
		instance terminated (enough)
		├── app:llm failed
		│   └── app:tool complete
		├── prefactor:quality complete
		└── prefactor:quality complete
		instance cancelled
	`)
}

func TestBulkStopsAtTheFirstError(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	a := c.post("/bulk", bulk(
		`"_type":"agent_instances/register","idempotency_key":"first-key"`,
		`"_type":"agent_instances/start","idempotency_key":"second-key","agent_instance_id":"nope"`,
		`"_type":"agent_instances/register","idempotency_key":"third-key"`,
	))
	a.must(t)
	if a.doc["status"] != "success" || at(a.doc, "outputs.first-key.status") != "success" ||
		at(a.doc, "outputs.second-key.code") != "not_found" || at(a.doc, "outputs.second-key.status") != "error" {
		t.Errorf("got %s", a.body)
	}
	if at(a.doc, "outputs.third-key") != nil || len(f.Instances()) != 1 {
		t.Errorf("an item after the error was run: %s", a.body)
	}
}

func TestBulkItemErrorsNameTheirFields(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	a := c.post("/bulk", bulk(`"_type":"agents/create","idempotency_key":"12345678","details":{}`))
	if got := at(a.doc, "outputs.12345678.errors.details.name.code"); got != "required" {
		t.Errorf("got %s", a.body)
	}
	a = c.post("/bulk", bulk(`"_type":"agent_instances/start","idempotency_key":"12345678"`))
	if got := at(a.doc, "outputs.12345678.errors.agent_instance_id.code"); got != "required" {
		t.Errorf("got %s", a.body)
	}
}

func TestBulkRefuses(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	const ok = `"_type":"agent_instances/register","idempotency_key":"12345678"`
	tests := []struct{ name, body, path, code string }{
		{"no items", `{}`, "items", "required"},
		{"an empty list", `{"items":[]}`, "items", "required"},
		{"items that aren't a list", `{"items":{}}`, "items", "invalid_value"},
		{"an item that isn't an object", `{"items":[1]}`, "items.0", "invalid_value"},
		{"no type", bulk(ok, `"idempotency_key":"87654321"`), "items.1._type", "required"},
		{"an unknown type", bulk(ok, `"_type":"persons/list","idempotency_key":"87654321"`), "items.1._type", "invalid_value"},
		{"no key", bulk(ok, `"_type":"agents/list"`), "items.1.idempotency_key", "required"},
		{"a short key", bulk(ok, `"_type":"agents/list","idempotency_key":"1234567"`), "items.1.idempotency_key", "invalid_value"},
		{"a key twice", bulk(ok, ok), "items.1.idempotency_key", "invalid_value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.post("/bulk", tt.body).invalid(t, tt.path, tt.code)
		})
	}
	if n := len(f.Instances()); n != 0 {
		t.Errorf("a refused request registered %d instances, want 0", n)
	}
}

func TestBulkItemsAreIdempotent(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	body := bulk(
		`"_type":"agent_instances/register","idempotency_key":"one-1111"`,
		`"_type":"agent_instances/register","idempotency_key":"two-2222"`,
	)
	first, again := c.post("/bulk", body), c.post("/bulk", body)
	wantJSON(t, again.body, string(first.body))
	single := c.post("/agent_instance/register", `{"idempotency_key":"one-1111"}`).must(t)
	if got := at(first.doc, "outputs.one-1111.details.id"); got != single["id"] {
		t.Errorf("the single call created %v, the item %v", single["id"], got)
	}
	if n := len(f.Instances()); n != 2 {
		t.Errorf("the fake holds %d instances, want 2", n)
	}
	journal := f.Journal()
	if !journal[0].Committed || journal[1].Committed || !journal[2].Replay {
		t.Errorf("the journal is %v", journal)
	}
	id := single["id"].(string)
	c.post("/bulk", bulk(`"_type":"agent_instances/start","idempotency_key":"start-it","agent_instance_id":"`+id+`"`)).must(t)
	if got := c.move(id, `start {"idempotency_key":"start-it"}`).must(t)["status"]; got != "active" || !f.Journal()[4].Replay {
		t.Errorf("the single start after the item isn't a replay: %s", f.Journal()[4])
	}
}

func TestBulkWithItsOwnKey(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	send := func(body string) answer {
		req := c.request("POST", "/bulk", body)
		req.Header.Set("Idempotency-Key", "the-whole")
		a, err := c.send(req)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	broken := bulk(`"_type":"agent_instances/start","idempotency_key":"12345678","agent_instance_id":"nope"`)
	send(broken).must(t)
	if send(broken).must(t); f.Journal()[1].Replay {
		t.Error("a request with a failed item was remembered")
	}
	fine := bulk(`"_type":"agents/list","idempotency_key":"12345678"`)
	first := send(fine)
	c.register()
	wantJSON(t, send(fine).body, string(first.body))
	send(bulk(`"_type":"agents/list","idempotency_key":"other-key"`)).refused(t, 409, "conflict")
}

func TestBulkHoldsManyItems(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	items := make([]string, 2000)
	for n := range items {
		items[n] = fmt.Sprintf(`"_type":"agent_instances/register","idempotency_key":"key-%08d"`, n)
	}
	c.post("/bulk", bulk(items...)).must(t)
	if n := len(f.Instances()); n != len(items) {
		t.Errorf("the fake holds %d instances, want %d", n, len(items))
	}
}
