package prefactortest_test

import (
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
	r := &recorder{TB: t}
	f.AssertFired(r)
	want := `prefactortest: the fault "ping: reply 500" struck 0 of 1 requests: there were no requests`
	if len(r.errors) != 1 || r.errors[0] != want {
		t.Errorf("failed with %q, want %q", r.errors, want)
	}
}
