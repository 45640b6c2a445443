package prefactortest_test

import (
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

func TestJournal(t *testing.T) {
	t.Parallel()
	f := prefactortest.New(prefactortest.WithClock(fixed))
	c := direct(t, f)
	c.get("/agent_spans?agent_id=x%20y")
	c.post("/agent_instance/register", registration)
	c.post("/agent_instance/a%2Fb/start", `{`)

	j := f.Journal()
	if len(j) != 3 {
		t.Fatalf("%d exchanges, want 3", len(j))
	}
	list, register, start := j[0], j[1], j[2]
	if list.Number != 1 || list.Operation != "agent_spans.list" || list.Method != "GET" || list.Path != "/api/v1/agent_spans" ||
		list.Query.Get("agent_id") != "x y" || !list.Time.Equal(fixed()) || list.Conn != 0 || list.Attempt != 0 {
		t.Errorf("the list is %+v", list)
	}
	if register.Number != 2 || string(register.Body) != registration || register.Header.Get("Authorization") != "Bearer test-token" ||
		register.Key != "k" || register.Attempt != 1 || register.Status != 200 || !register.Committed || len(register.Answer) == 0 {
		t.Errorf("the registration is %+v", register)
	}
	if start.Operation != "agent_instances.start" || start.Path != "/api/v1/agent_instance/a/b/start" || start.Status != 400 || start.Committed {
		t.Errorf("the start is %+v", start)
	}
	f.AssertJournal(t, `
		agent_spans.list 200
		agent_instances.register 200
		agent_instances.start 400
	`)
}

func TestUnmatchedRequestListsNearMisses(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	tests := []struct{ method, path, want string }{
		{"GET", "/alerts/raise", "no route GET /api/v1/alerts/raise; near misses: POST /api/v1/alerts/raise, GET /api/v1/alerts/{id}, GET /api/v1/alerts/count"},
		{"POST", "/agent_span", "no route POST /api/v1/agent_span; near misses: POST /api/v1/agent_spans, GET /api/v1/agent_spans, POST /api/v1/agent"},
		{"PUT", "/ping", "no route PUT /api/v1/ping; near misses: GET /api/v1/ping, POST /api/v1/agent, GET /api/v1/agent"},
		{"GET", "/person", "no route GET /api/v1/person: the fake has no person resources"},
		{"GET", "/risk_profile/x", "no route GET /api/v1/risk_profile/x: the fake has no risk_profile resources"},
		{"POST", "/account_integration/x/test", "no route POST /api/v1/account_integration/x/test: the fake has no account_integration resources"},
	}
	for _, tt := range tests {
		a := c.do(tt.method, tt.path, "")
		a.refused(t, 404, "not_found")
		if got := a.doc["message"]; got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
	c.url += "/prefix"
	c.get("/ping").refused(t, 404, "not_found")
	if got := f.Journal()[len(tests)].String(); got != "GET /prefix/api/v1/ping 404" {
		t.Errorf("the journal has %q", got)
	}
}

func TestJournalLimit(t *testing.T) {
	t.Parallel()
	f := prefactortest.New(prefactortest.WithJournalLimit(2))
	c := direct(t, f)
	for range 3 {
		c.get("/ping")
	}
	c.get("/agent")
	j := f.Journal()
	if len(j) != 2 || j[0].Number != 3 || j[1].Number != 4 || j[1].String() != "agents.list 200" {
		t.Errorf("the journal has %v", j)
	}
}

func TestObserver(t *testing.T) {
	t.Parallel()
	var seen []string
	f := prefactortest.New(prefactortest.WithObserver(func(x prefactortest.Exchange) { seen = append(seen, x.String()) }))
	c := direct(t, f)
	f.Inject(prefactortest.On("ping").ResetBefore())
	c.send(c.request("GET", "/ping", ""))
	c.get("/ping")
	if len(seen) != 2 || seen[0] != "ping no response, fault: ping: reset before" || seen[1] != "ping 200" {
		t.Errorf("observed %q", seen)
	}
}
