package prefactortest_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

func TestWhatCanNotBeIsRefusedWhereItIsMade(t *testing.T) {
	t.Parallel()
	on := prefactortest.On("ping")
	for name, make := range map[string]func(){
		"Reply(99)":            func() { on.Reply(99) },
		"Reply(103)":           func() { on.Reply(103) },
		"Reply(600)":           func() { on.Reply(600) },
		"HTML(0)":              func() { on.HTML(0) },
		"Malformed(-1)":        func() { on.Malformed(-1) },
		"WrongEnvelope(1000)":  func() { on.WrongEnvelope(1000) },
		"Redirect(200)":        func() { on.Redirect(200, "/") },
		"Chance(3)":            func() { on.Chance(3) },
		"Chance(-1)":           func() { on.Chance(-1) },
		"Chance(NaN)":          func() { on.Chance(math.NaN()) },
		"Nth(0)":               func() { on.Nth(0) },
		"Times(0)":             func() { on.Times(0) },
		"Times(-1)":            func() { on.Times(-1) },
		"When(nil)":            func() { on.When(nil) },
		"Header":               func() { on.Header("", "x") },
		"RetryAfter(-1s)":      func() { on.RetryAfter(-time.Second) },
		"RetryAfterDate(-1s)":  func() { on.RetryAfterDate(-time.Second) },
		"RetryAfterMS(-1s)":    func() { on.RetryAfterMS(-time.Second) },
		"Delay(-1ns)":          func() { on.Delay(-1) },
		"Stall(-1ns)":          func() { on.Stall(-1) },
		"CutBody(-1)":          func() { on.CutBody(-1) },
		"Oversized(-1)":        func() { on.Oversized(-1) },
		"Storm(2)":             func() { prefactortest.Storm(2) },
		"Storm(-1)":            func() { prefactortest.Storm(-1) },
		"WithClock(nil)":       func() { prefactortest.WithClock(nil) },
		"WithObserver(nil)":    func() { prefactortest.WithObserver(nil) },
		"WithT(nil)":           func() { prefactortest.WithT(nil) },
		"WithToken":            func() { prefactortest.WithToken("", prefactortest.Grant{}) },
		"WithLatency(-1ns)":    func() { prefactortest.WithLatency(-1) },
		"WithJournalLimit(-1)": func() { prefactortest.WithJournalLimit(-1) },
		"New(nil)":             func() { prefactortest.New(nil) },
		"Inject(Fault{})":      func() { prefactortest.New().Inject(prefactortest.Fault{}.Reply(500)) },
		"Fake{}":               func() { new(prefactortest.Fake).RoundTripper() },
		"MismatchStatus(400)":  func() { prefactortest.MismatchStatus(400) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				text, _ := recover().(string)
				if !strings.HasPrefix(text, "prefactortest: ") || !strings.Contains(text, " is impossible: ") {
					t.Errorf("the panic says %q", text)
				}
			}()
			make()
		})
	}
}

func TestWhatCanJustBeIsTaken(t *testing.T) {
	t.Parallel()
	on := prefactortest.On("ping")
	prefactortest.New(prefactortest.WithLatency(0), prefactortest.WithJournalLimit(0), prefactortest.MismatchStatus(422)).Inject(
		on.Reply(200), on.Reply(599), on.Redirect(300, "/"), on.Redirect(399, "/"), on.Chance(0).Reply(500), on.Chance(1).Reply(500),
		on.Nth(1).Times(1).Delay(0), on.CutBody(0), on.RetryAfter(0).Reply(429),
	)
	prefactortest.Storm(0)
	prefactortest.Storm(1)
}
