package prefactortest_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

func TestAssertTreeShowsADiff(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	instance := c.started()
	c.span(instance, "active")
	c.span(instance, "failed")
	r := &recorder{TB: t}
	f.AssertTree(r, `
		instance active
		├── app:llm complete
		└── app:llm failed
	`)
	want := `prefactortest: the tree differs (- want, + got):
  instance active
- ├── app:llm complete
+ ├── app:llm active
  └── app:llm failed
`
	if len(r.errors) != 1 || r.errors[0] != want {
		t.Errorf("failed with %q, want %q", r.errors, want)
	}
}

// lineAbove returns the file and the number of the line above its call.
func lineAbove() string {
	_, file, line, _ := runtime.Caller(1)
	return fmt.Sprintf("%s:%d", filepath.Base(file), line-1)
}

func TestAssertTreeUnorderedIgnoresTheOrder(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	one, two := c.started(), c.post("/agent_instance/register", `{"external_identifier":"run-7"}`).must(t)["id"].(string)
	for _, status := range []string{"failed", "active"} {
		root := c.span(one, status)
		for _, below := range []string{"complete", "active"} {
			c.post("/agent_spans", spanBody(one, below, `"parent_span_id":"`+root+`"`)).must(t)
		}
	}
	c.span(two, "active")
	const other = `
		instance run-7 pending
		└── app:llm active
		instance active
		├── app:llm active
		│   ├── app:llm active
		│   └── app:llm complete
		└── app:llm failed
		    ├── app:llm complete
		    └── app:llm active
	`
	f.AssertTreeUnordered(t, other)
	for name, wrong := range map[string]string{
		"another status": strings.Replace(other, "failed", "complete", 1),
		"a span too few": strings.Replace(other, "		│   └── app:llm complete\n", "", 1),
		"another parent": strings.Replace(other, "		    ├── app:llm complete\n", "		├── app:llm complete\n", 1),
		"nothing":        "",
	} {
		r := &recorder{TB: t}
		f.AssertTreeUnordered(r, wrong)
		if len(r.errors) != 1 {
			t.Errorf("%s: failed with %q", name, r.errors)
		}
	}
	r := &recorder{TB: t}
	if f.AssertTree(r, other); len(r.errors) != 1 {
		t.Errorf("AssertTree failed with %q, want the order to matter", r.errors)
	}
}

func TestAssertJournalShowsADiff(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	c.get("/ping")
	c.get("/agent")
	r := &recorder{TB: t}
	f.AssertJournal(r, "ping 200\nagent_instances.register 200\nagents.list 200\nping 200")
	want := `prefactortest: the journal differs (- want, + got):
  ping 200
- agent_instances.register 200
  agents.list 200
- ping 200
`
	if len(r.errors) != 1 || r.errors[0] != want {
		t.Errorf("failed with %q, want %q", r.errors, want)
	}
}

func TestAssertionsHold(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	r := &recorder{TB: t}
	f.AssertTree(r, "")
	f.AssertJournal(r, "\n\n")
	f.AssertFired(r)
	direct(t, f).get("/ping")
	f.AssertJournal(r, "ping 200")
	if r.errors != nil {
		t.Errorf("failed with %q", r.errors)
	}
}

func TestAssertFiredWithoutRequests(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	f.Inject(prefactortest.On("ping").Reply(500))
	at := lineAbove()
	r := &recorder{TB: t}
	f.AssertFired(r)
	want := `prefactortest: the fault "ping: reply 500", injected at ` + at + `, struck 0 of 1 requests: there were no requests`
	if len(r.errors) != 1 || r.errors[0] != want {
		t.Errorf("failed with %q, want %q", r.errors, want)
	}
}
