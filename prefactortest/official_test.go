package prefactortest_test

import (
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// The tests send the official clients' bodies, in the clients' order and
// spelling.
func TestAcceptsTheTypeScriptClient(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	instance := c.post("/agent_instance/register", `{"agent_version":{"external_identifier":"v1","name":"","description":""},"idempotency_key":"5d0b1bb8-6c1c-4d3a-9a58-3cf3a4d9d1d4"}`).must(t)["id"].(string)
	c.post("/agent_instance/"+instance+"/start", `{"timestamp":"2026-11-23T09:43:03.767Z","idempotency_key":"0f1c3c68-60a5-4a6f-a1e4-0fd7cbb7b4f0"}`).must(t)
	root := c.post("/agent_spans", `{"details":{"agent_instance_id":"`+instance+`","schema_name":"ai-sdk:agent","status":"active","payload":{"span_id":"a","trace_id":"b","name":"run","status":"active","inputs":{},"outputs":null,"metadata":{},"token_usage":null,"error":null},"result_payload":{},"parent_span_id":null,"started_at":"2026-11-23T09:43:03.767Z","finished_at":null},"idempotency_key":"c0dd2ee1-50f6-4ab5-9f5c-0e9a1c9bb1a5"}`)
	if root.status == 200 {
		t.Error("an active span with a result was accepted")
	}
	agent := c.post("/agent_spans", `{"details":{"agent_instance_id":"`+instance+`","schema_name":"ai-sdk:agent","status":"complete","payload":{"span_id":"a"},"parent_span_id":null,"started_at":"2026-11-23T09:43:03.767Z","finished_at":"2026-11-23T09:43:04.001Z"},"idempotency_key":"e2d5c6d2-50f6-4ab5-9f5c-0e9a1c9bb1a5"}`).must(t)["id"].(string)
	c.post("/agent_spans", `{"details":{"agent_instance_id":"`+instance+`","schema_name":"ai-sdk:llm","status":"failed","payload":{},"result_payload":{},"parent_span_id":"`+agent+`","started_at":"2026-11-23T09:43:03.900Z","finished_at":"2026-11-23T09:43:04.000Z"},"idempotency_key":"f2d5c6d2-50f6-4ab5-9f5c-0e9a1c9bb1a5"}`).must(t)
	// A short agent span is created complete and then finished.
	c.post("/agent_spans/"+agent+"/finish", `{"status":"complete","timestamp":"2026-11-23T09:43:04.001Z","idempotency_key":"02d5c6d2-50f6-4ab5-9f5c-0e9a1c9bb1a5"}`).refused(t, 409, "invalid_action")
	c.post("/agent_instance/"+instance+"/finish", `{}`).must(t)
	f.AssertTree(t, `
		instance complete
		└── ai-sdk:agent complete
		    └── ai-sdk:llm failed
	`)
}

func TestAcceptsThePythonClient(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	req := c.request("GET", "/ping", "")
	req.Header.Set("Content-Type", "application/json")
	if a, err := c.send(req); err != nil || a.status != 200 {
		t.Errorf("ping with a content type: %d, %v", a.status, err)
	}
	instance := c.post("/agent_instance/register", `{"agent_id":"agent","agent_version":{"external_identifier":"v1","name":"n"},"agent_schema_version":{"external_identifier":"s1","span_schemas":{"langchain:llm":{}}},"environment_id":"env","update_current_version":true,"idempotency_key":"reg"}`).must(t)["id"].(string)
	// The client sends spans without waiting for the queued start, and may
	// finish an instance before its last span.
	span := c.post("/agent_spans", `{"details":{"agent_instance_id":"`+instance+`","schema_name":"langchain:llm","status":"active","payload":{},"started_at":"2026-11-23T09:43:02.076882+00:00","idempotency_key":"span"}}`).must(t)["id"].(string)
	c.post("/agent_instance/"+instance+"/start", `{"timestamp": null}`).must(t)
	c.post("/agent_instance/"+instance+"/finish", `{"status":"complete","timestamp":"2026-11-23T09:43:05.076882+00:00","idempotency_key":"fin"}`).must(t)
	c.post("/agent_spans/"+span+"/finish", `{"status":"complete","result_payload":{"a":1},"timestamp":"2026-11-23T09:43:04.076882+00:00","idempotency_key":"finish"}`).must(t)
	c.post("/bulk", bulk(`"_type":"agent_spans/create","idempotency_key":"bulk-span-1","agent_instance_id":"`+instance+`","schema_name":"s","status":"complete","payload":{}`)).must(t)
	f.AssertTree(t, `
		instance complete
		├── langchain:llm complete
		└── s complete
	`)
}

// The Python client refuses a success without these fields.
func TestSuccessesHaveTheFieldsThatClientsNeed(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	instance := c.started()
	a := c.post("/agent_spans", spanBody(instance, "active", ""))
	a.must(t)
	for _, field := range []string{"status", "details.type", "details.id", "details.status", "details.payload", "details.agent_instance_id"} {
		if at(a.doc, field) == nil {
			t.Errorf("the response with a span lacks %s: %s", field, a.body)
		}
	}
	a = c.get("/agent_instance/" + instance)
	for _, field := range []string{
		"status", "details.type", "details.id", "details.account_id", "details.agent_id", "details.agent_version_id",
		"details.environment_id", "details.agent_deployment_id", "details.status", "details.inserted_at", "details.updated_at",
	} {
		if at(a.doc, field) == nil {
			t.Errorf("the response with an instance lacks %s: %s", field, a.body)
		}
	}
}
