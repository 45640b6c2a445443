package middleware

import (
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"weak"
)

// lostTrials counts the trials of a half-open breaker that ended without being
// counted. The policy can't take their permits back, and would stay half-open
// forever. All layers of one policy share the count, because any of them may be
// the one that sends the next trial.
type lostTrials struct {
	n atomic.Int32
	_ [16]byte // the runtime doesn't free smaller objects one by one
}

func (l *lostTrials) add() { l.n.Add(1) }

func (l *lostTrials) forget() {
	if l.n.Load() != 0 {
		l.n.Store(0)
	}
}

// take reports whether there was a lost trial, and takes its permit.
func (l *lostTrials) take() bool {
	for {
		n := l.n.Load()
		if n == 0 {
			return false
		}
		if l.n.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// lostByPolicy has the count of each policy that a layer uses. An entry goes with
// the last of these layers.
var lostByPolicy sync.Map // of breaker policies to weak.Pointer[lostTrials]

// lostTrialsOf returns the count of a policy.
func lostTrialsOf(policy any) *lostTrials {
	made := &lostTrials{}
	if !reflect.ValueOf(policy).Comparable() { // not failsafe's own: it has no identity to share by
		return made
	}
	entry := weak.Make(made)
	for {
		found, known := lostByPolicy.LoadOrStore(policy, entry)
		if !known {
			runtime.AddCleanup(made, func(policy any) { lostByPolicy.CompareAndDelete(policy, entry) }, policy)
			return made
		}
		if shared := found.(weak.Pointer[lostTrials]).Value(); shared != nil {
			return shared
		}
		lostByPolicy.CompareAndDelete(policy, found) // its layers are gone
	}
}
