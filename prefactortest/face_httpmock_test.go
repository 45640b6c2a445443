package prefactortest_test

import (
	"testing"

	"github.com/jarcoal/httpmock"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

func TestHTTPMockServesEveryRoute(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	mock := f.HTTPMock()
	c := client{t: t, rt: mock, url: "https://app.prefactorai.com", token: prefactortest.Token}
	instance := c.started()
	c.post("/agent_spans/"+c.span(instance, "active")+"/finish", `{}`).must(t)
	c.get("/agent_spans?agent_instance_id=" + instance + "&sorting[field]=id").must(t)
	c.get("/agent/show?agent_id=" + prefactortest.AgentID).must(t)
	c.get("/agent/" + prefactortest.AgentID + "?include_counts=true").must(t)
	f.AssertTree(t, `
		instance active
		└── app:llm complete
	`)
	if n := mock.GetCallCountInfo()["NO_RESPONDER"]; n != 0 {
		t.Errorf("%d requests matched no route", n)
	}
	c.get("/agent_span").refused(t, 404, "not_found")
}

func TestHTTPMockWithResponders(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	mock := f.HTTPMock()
	c := client{t: t, rt: mock, url: "https://app.prefactorai.com", token: prefactortest.Token}
	instance := c.started()
	mock.RegisterResponder("GET", c.url+"/api/v1/agent_instance/"+instance,
		prefactortest.SuccessResponder(map[string]any{"id": instance, "status": "terminated"}))
	mock.RegisterResponder("POST", "/api/v1/agent_spans", prefactortest.ErrorResponder(409, "invalid_action", "no more spans"))
	mock.RegisterResponder("GET", "/api/v1/agent_spans", prefactortest.ListResponder(map[string]any{"id": "s"}))

	wantJSON(t, c.get("/agent_instance/"+instance).body, `{"status":"success","details":{"id":"`+instance+`","status":"terminated"}}`)
	wantJSON(t, c.post("/agent_spans", `{}`).body, `{"status":"error","code":"invalid_action","message":"no more spans"}`)
	wantIDs(t, c.get("/agent_spans"), "s")
	c.move(instance, "finish").must(t)
}

func TestResponders(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		responder httpmock.Responder
		status    int
		body      string
	}{
		{"success", prefactortest.SuccessResponder(map[string]any{"id": "x"}), 200, `{"status":"success","details":{"id":"x"}}`},
		{"error", prefactortest.ErrorResponder(418, "teapot", "short"), 418, `{"status":"error","code":"teapot","message":"short"}`},
		{"empty list", prefactortest.ListResponder(), 200, `{"status":"success","summaries":[],"pagination":{"item_count":0,` +
			`"item_start":0,"item_end":0,"page_count":0,"page_index":1,"page_offset":0,"page_size":1,` +
			`"next_page_offset":null,"previous_page_offset":null},"sorting":null}`},
		{"list", prefactortest.ListResponder("a", "b"), 200, `{"status":"success","summaries":["a","b"],"pagination":{"item_count":2,` +
			`"item_start":1,"item_end":2,"page_count":1,"page_index":1,"page_offset":0,"page_size":2,` +
			`"next_page_offset":null,"previous_page_offset":null},"sorting":null}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			mock := httpmock.NewMockTransport()
			mock.RegisterNoResponder(tt.responder)
			a := client{t: t, rt: mock, url: "http://mock.test"}.post("/", `{}`)
			if a.status != tt.status || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("got %d with the header %v", a.status, a.header)
			}
			wantJSON(t, a.body, tt.body)
		})
	}
}
