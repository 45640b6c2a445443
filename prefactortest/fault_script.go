package prefactortest

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
)

// A script holds the faults that are armed.
type script struct {
	mu     sync.Mutex
	random *rand.Rand
	armed  []*armedFault
	spent  []*armedFault // can't strike again
}

type armedFault struct {
	Fault
	at          string // where it was injected: file and line
	seen, fired int
}

// expected returns the least number of requests that the fault must strike.
func (a *armedFault) expected() int {
	if a.optional {
		return 0
	}
	return max(a.times, 1)
}

func newScript(seed uint64) script {
	return script{random: rand.New(rand.NewPCG(seed, 2))}
}

// Inject arms faults. At most one strikes each request: the first, in the
// order of injection, that matches and can still strike. Several faults for
// the same requests thus strike one after the other. Inject panics on a fault
// that does nothing, and on one with a Body but no Reply.
func (f *Fake) Inject(faults ...Fault) {
	f.made()
	at := "unknown"
	if _, file, line, ok := runtime.Caller(1); ok {
		at = fmt.Sprintf("%s:%d", filepath.Base(file), line)
	}
	f.script.mu.Lock()
	defer f.script.mu.Unlock()
	for _, fault := range faults {
		must(fault.pattern != "", "Inject(Fault{})", "make the fault with On")
		if fault.kind == kindNone {
			panic("prefactortest: Inject: the fault on " + fault.pattern + " does nothing")
		}
		if fault.body != nil && fault.kind != kindReply {
			panic("prefactortest: Inject: the fault on " + fault.pattern + " has a Body but no Reply")
		}
		f.script.armed = append(f.script.armed, &armedFault{Fault: fault, at: at})
	}
}

// Heal disarms all faults, to end an outage. A fault that struck too few
// requests before it stays [Fake.Unfired].
func (f *Fake) Heal() {
	f.made()
	f.script.mu.Lock()
	defer f.script.mu.Unlock()
	f.script.spent = append(f.script.spent, f.script.armed...)
	f.script.armed = nil
}

// Unfired returns the faults that struck fewer requests than they should:
// fewer than their Times, or none under Always. Optional faults aren't in it.
func (f *Fake) Unfired() []Fault {
	f.made()
	var unfired []Fault
	for _, a := range f.script.unfired() {
		unfired = append(unfired, a.Fault)
	}
	return unfired
}

func (s *script) unfired() []armedFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var unfired []armedFault
	for _, a := range slices.Concat(s.spent, s.armed) {
		if a.fired < a.expected() {
			unfired = append(unfired, *a)
		}
	}
	return unfired
}

// next returns the fault that strikes the exchange, or nil.
func (s *script) next(x Exchange) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var struck *Fault
	for _, a := range s.armed {
		if !a.matches(x) {
			continue
		}
		a.seen++
		if struck == nil && a.seen >= a.nth && s.drawn(a.chance) {
			a.fired++
			struck = &a.Fault
		}
	}
	s.armed = slices.DeleteFunc(s.armed, func(a *armedFault) bool {
		done := a.times > 0 && a.fired >= a.times
		if done {
			s.spent = append(s.spent, a)
		}
		return done
	})
	return struck
}

func (s *script) drawn(chance float64) bool { return chance >= 1 || s.random.Float64() < chance }
