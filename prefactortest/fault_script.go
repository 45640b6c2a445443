package prefactortest

import (
	"math/rand/v2"
	"slices"
	"sync"
)

// A script holds the faults that are armed.
type script struct {
	mu     sync.Mutex
	random *rand.Rand
	armed  []*armedFault
	spent  []*armedFault // those that may not strike again
}

type armedFault struct {
	Fault
	seen, fired int
}

// expected is how many requests the fault must strike at least.
func (a *armedFault) expected() int {
	if a.optional {
		return 0
	}
	return max(a.times, 1)
}

func newScript(seed uint64) script {
	return script{random: rand.New(rand.NewPCG(seed, 2))}
}

// Inject arms faults. A request is struck by the first of them that matches
// it and may strike, in the order in which they were injected; so
// faults for the same requests, one after the other, make a script. It
// panics on a fault that does nothing, and on one with a Body but no Reply.
func (f *Fake) Inject(faults ...Fault) {
	f.script.mu.Lock()
	defer f.script.mu.Unlock()
	for _, fault := range faults {
		if fault.kind == kindNone {
			panic("prefactortest: Inject: the fault on " + fault.pattern + " does nothing")
		}
		if fault.body != nil && fault.kind != kindReply {
			panic("prefactortest: Inject: the fault on " + fault.pattern + " has a Body but no Reply")
		}
		f.script.armed = append(f.script.armed, &armedFault{Fault: fault})
	}
}

// Heal disarms all faults: an outage ends. Those that should have struck
// before and didn't are still [Fake.Unfired].
func (f *Fake) Heal() {
	f.script.mu.Lock()
	defer f.script.mu.Unlock()
	f.script.spent = append(f.script.spent, f.script.armed...)
	f.script.armed = nil
}

// Unfired gives the faults that struck fewer requests than they should
// have: fewer than Times says, or none under Always. Optional ones don't
// count.
func (f *Fake) Unfired() []Fault {
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

// next gives the fault that strikes the exchange, or nil.
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
