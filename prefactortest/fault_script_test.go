package prefactortest_test

import (
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

func TestHeal(t *testing.T) {
	t.Parallel()
	f := prefactortest.New(prefactortest.WithT(t))
	c := direct(t, f)
	f.Inject(prefactortest.On("*").Always().Reply(503))
	c.get("/ping").refused(t, 503, "service_unavailable")
	f.Heal()
	c.get("/ping").must(t)
}

func TestUnfired(t *testing.T) {
	t.Parallel()
	on := prefactortest.On
	tests := []struct {
		name    string
		fault   prefactortest.Fault
		unfired bool
	}{
		{"once", on("ping").Reply(500), false},
		{"two of two", on("ping").Times(2).Reply(500), false},
		{"two of three", on("ping").Times(3).Reply(500), true},
		{"two of three, healed", on("ping").Times(3).Reply(500), true},
		{"always", on("ping").Always().Reply(500), false},
		{"always, no match", on("agents.list").Always().Reply(500), true},
		{"no match", on("agents.list").Reply(500), true},
		{"no match, optional", on("agents.list").Reply(500).Optional(), false},
		{"no match, by chance", on("agents.list").Chance(0.5).Reply(500), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{TB: t}
			f := prefactortest.New(prefactortest.WithT(r))
			c := direct(t, f)
			f.Inject(tt.fault)
			c.get("/ping")
			c.get("/ping")
			if strings.HasSuffix(tt.name, "healed") {
				f.Heal()
			}
			if got := len(f.Unfired()) > 0; got != tt.unfired {
				t.Errorf("Unfired is %v", f.Unfired())
			}
			r.end()
			if got := len(r.errors) > 0; got != tt.unfired {
				t.Errorf("the test failed with %q", r.errors)
			}
		})
	}
}

func TestInjectPanics(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	for name, inject := range map[string]func(){
		"an unknown operation":   func() { prefactortest.On("agent_span.create") },
		"a malformed pattern":    func() { prefactortest.On("agent[") },
		"a malformed path":       func() { prefactortest.On("/api/[") },
		"nothing to do":          func() { f.Inject(prefactortest.On("ping").Times(3)) },
		"only a commit":          func() { f.Inject(prefactortest.On("ping").Commit()) },
		"a body without a reply": func() { f.Inject(prefactortest.On("ping").Delay(1).Body("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("there was no panic")
				}
			}()
			inject()
		})
	}
}
