package prefactortest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

func TestReplay(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	instance := c.started()
	span := c.span(instance, "active")
	tests := []struct{ name, method, path, body string }{
		{"register", "POST", "/agent_instance/register", `{}`},
		{"create", "POST", "/agent_spans", spanBody(instance, "active", "")},
		{"finish a span", "POST", "/agent_spans/" + span + "/finish", `{}`},
		{"record quality", "POST", "/agent_instance/" + instance + "/record_quality", `{"name":"n","payload":{}}`},
		{"update", "PUT", "/agent_instance/" + instance, `{"details":{"quality_payload":{}}}`},
		{"create an agent", "POST", "/agent", `{"details":{"name":"n"}}`},
		{"finish", "POST", "/agent_instance/" + instance + "/finish", `{}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := withKey(strings.Replace(tt.body, "{}", `{ }`, 1), "key-1")
			if tt.body == "{}" {
				body = `{"idempotency_key":"key-1"}`
			}
			first := c.do(tt.method, tt.path, body)
			first.must(t)
			holds := f.Tree()
			again := c.do(tt.method, tt.path, body)
			wantJSON(t, again.body, string(first.body))
			if got := f.Tree(); got != holds {
				t.Errorf("the replay changed the fake to\n%s\nit was\n%s", got, holds)
			}
			journal := f.Journal()
			one, two := journal[len(journal)-2], journal[len(journal)-1]
			if !one.Committed || one.Replay || two.Committed || !two.Replay || one.Attempt != 1 || two.Attempt != 2 {
				t.Errorf("the journal has %+v and %+v", one, two)
			}
		})
	}
}

func TestPlacesOfAKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, header, body string
		headerKey, bodyKey string
	}{
		{"top level", "", `{"details":{%s},"idempotency_key":"k"}`, "", "k"},
		{"inside details", "", `{"details":{%s,"idempotency_key":"k"}}`, "", "k"},
		{"header", "k", `{"details":{%s}}`, "k", ""},
		{"header and body", "k", `{"details":{%s},"idempotency_key":"k"}`, "k", "k"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := prefactortest.New()
			c := direct(t, f)
			body := fmt.Sprintf(tt.body, `"agent_instance_id":"`+c.started()+`","schema_name":"s","status":"active","payload":{}`)
			for range 2 {
				req := c.request("POST", "/agent_spans", body)
				if tt.header != "" {
					req.Header.Set("Idempotency-Key", tt.header)
				}
				a, err := c.send(req)
				if err != nil {
					t.Fatal(err)
				}
				a.must(t)
			}
			if n := len(f.Spans()); n != 1 {
				t.Errorf("the fake holds %d spans, want 1", n)
			}
			x := f.Journal()[3]
			if x.Key != "k" || x.HeaderKey != tt.headerKey || x.BodyKey != tt.bodyKey || x.Attempt != 2 {
				t.Errorf("the journal has %+v", x)
			}
		})
	}
}

func TestRefusedKeys(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, header, body string
		opts               []prefactortest.Option
		refused            bool
	}{
		{"two different keys", "a", `{"idempotency_key":"b"}`, nil, true},
		{"a number", "", `{"idempotency_key":7}`, nil, true},
		{"129 characters", "", `{"idempotency_key":"` + strings.Repeat("k", 129) + `"}`, nil, true},
		{"128 characters", "", `{"idempotency_key":"` + strings.Repeat("k", 128) + `"}`, nil, false},
		{"65 characters, strict", "", `{"agent_id":"` + prefactortest.AgentID + `","idempotency_key":"` + strings.Repeat("k", 65) + `"}`, strict, true},
		{"64 characters, strict", "", `{"agent_id":"` + prefactortest.AgentID + `","idempotency_key":"` + strings.Repeat("é", 64) + `"}`, strict, false},
		{"empty", "", `{"idempotency_key":""}`, nil, false},
		{"empty, strict", "", `{"agent_id":"` + prefactortest.AgentID + `","idempotency_key":""}`, strict, true},
		{"null", "", `{"idempotency_key":null}`, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := direct(t, prefactortest.New(tt.opts...))
			req := c.request("POST", "/agent_instance/register", tt.body)
			if tt.header != "" {
				req.Header.Set("Idempotency-Key", tt.header)
			}
			a, err := c.send(req)
			if err != nil {
				t.Fatal(err)
			}
			if tt.refused {
				a.invalid(t, "idempotency_key", "invalid_value")
			} else {
				a.must(t)
			}
		})
	}
}

var strict = []prefactortest.Option{prefactortest.Strict()}

func TestEqualBodies(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	c.post("/agent_instance/register", `{"idempotency_key":"k","purpose":"eval","agent_version":{"name":"n","external_identifier":"1"}}`).must(t)
	c.post("/agent_instance/register", `{ "agent_version": {"external_identifier":"\u0031", "name":"n"}, "purpose":"eval", "idempotency_key":"k" }`).must(t)
	if n := len(f.Instances()); n != 1 {
		t.Errorf("%d instances after an equal body in another order and spacing, want 1", n)
	}
	body := spanBody(c.register(), "active", "")
	c.post("/agent_spans", withKey(body, "k")).must(t)
	c.post("/agent_spans", strings.Replace(body, "{}", `{},"idempotency_key":"k"`, 1)).must(t)
	if n := len(f.Spans()); n != 1 {
		t.Errorf("%d spans after an equal body with its key inside details, want 1", n)
	}
}

func TestSameKeyOtherBody(t *testing.T) {
	t.Parallel()
	one := func(instance string) string {
		return withKey(spanBody(instance, "active", ""), "k")
	}
	others := map[string]func(instance string) string{
		"another status": func(i string) string { return withKey(spanBody(i, "complete", ""), "k") },
		"digits beyond a float64": func(i string) string {
			return strings.Replace(one(i), `"payload":{}`, `"payload":{"n":9007199254740993}`, 1)
		},
	}
	for name, other := range others {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for status, code := range map[int]string{409: "conflict", 422: "validation_errors"} {
				f := prefactortest.New(prefactortest.MismatchStatus(status))
				c := direct(t, f)
				instance := c.started()
				body := strings.Replace(one(instance), `"payload":{}`, `"payload":{"n":9007199254740992}`, 1)
				c.post("/agent_spans", body).must(t)
				c.post("/agent_spans", other(instance)).refused(t, status, code)
				if n := len(f.Spans()); n != 1 {
					t.Errorf("the fake holds %d spans, want 1", n)
				}
			}
		})
	}
}

func TestKeysOfOtherScopes(t *testing.T) {
	t.Parallel()
	f := prefactortest.New(prefactortest.WithToken("other", prefactortest.Grant{AccountID: "013xrzp12g3nqk8nacc1111111111111"}))
	c := direct(t, f)
	const keyed = `{"idempotency_key":"k"}`
	first := c.post("/agent_instance/register", keyed).must(t)["id"].(string)
	second := c.register()
	c.as("other").post("/agent_instance/register", keyed).must(t)
	c.post("/agent_instance/"+first+"/start", keyed).must(t)
	c.post("/agent_instance/"+second+"/start", keyed).must(t)
	c.post("/agent_instance/"+second+"/finish", keyed).must(t)
	for _, x := range f.Journal() {
		if x.Replay {
			t.Errorf("%s is a replay", x)
		}
	}
}

func TestFailuresAreNotRemembered(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	id := c.register()
	const finish = `finish {"idempotency_key":"k"}`
	c.move(id, finish).refused(t, 409, "invalid_action")
	c.move(id, "start").must(t)
	c.move(id, finish).must(t)
	f.AssertJournal(t, `
		agent_instances.register 200
		agent_instances.finish 409
		agent_instances.start 200
		agent_instances.finish 200, attempt 2
	`)
}

func TestConcurrentTwins(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	body := withKey(spanBody(c.started(), "active", ""), "k")
	var wg sync.WaitGroup
	ids := make([]any, 32)
	for n := range ids {
		wg.Go(func() { ids[n] = c.post("/agent_spans", body).must(t)["id"] })
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("twins got the ids %v and %v", ids[0], id)
		}
	}
	committed := 0
	for _, x := range f.Journal()[2:] {
		if x.Committed {
			committed++
		}
		if x.Committed == x.Replay {
			t.Errorf("%s isn't either a commit or a replay", x)
		}
	}
	if committed != 1 || len(f.Spans()) != 1 {
		t.Errorf("%d twins committed, the fake holds %d spans; want one", committed, len(f.Spans()))
	}
}
