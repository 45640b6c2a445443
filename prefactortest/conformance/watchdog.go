package conformance

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// patience is how long, in real time, a step of a suite may stand still. It takes
// milliseconds.
var patience = 30 * time.Second

// moving is how many times patience a step may take that moves all the time, as on
// a machine with too much to do.
const moving = 10

// A watchdog ends a test that hangs. It stands outside of any bubble.
type watchdog struct{ step atomic.Pointer[string] }

// at begins a step.
func (w *watchdog) at(step string) { w.step.Store(&step) }

// watch runs f, which may call [testing.T.FailNow]. If none of f's goroutines moves
// within a step for as long as patience, watch leaves f alone and returns what it
// hangs in. strays returns
// the function that each goroutine of f's is in.
func (w *watchdog) watch(t *testing.T, f func(strays func() []string)) (hang string) {
	t.Helper()
	ended, returned := make(chan bool), false
	var found func() []goroutines
	begun := make(chan bool)
	go func() {
		defer close(ended)
		watchGoroutines(func(running func() []goroutines) {
			found = running
			close(begun)
			f(func() []string { return names(running()) })
		})
		returned = true
	}()
	<-begun
	const looks = 30
	last, where := w.step.Load(), ""
	for n, all := 0, 0; n < looks && all < moving*looks; n, all = n+1, all+1 {
		select {
		case <-ended:
			if !returned {
				t.FailNow()
			}
			return ""
		case <-time.After(patience / looks):
		}
		if now := w.step.Load(); now != last {
			last, n, all = now, 0, 0
		}
		if now := fmt.Sprint(found()); now != where {
			where, n = now, 0
		}
	}
	return fmt.Sprintf("%s hangs: for %s of real time nothing moves, because of a lock that is held, a permit that isn't freed, "+
		"a socket, or a channel of outside the test%s", *last, patience, describe(found()))
}
