package conformance

import (
	"strings"
	"testing"
	"testing/synctest"
)

// inBubble runs f in a bubble of virtual time. It reports whether goroutines
// were left that can never end, for which [synctest.Test] panics.
func inBubble(t *testing.T, f func(t *testing.T)) (stuck bool) {
	t.Helper()
	defer func() {
		problem := recover()
		if err, ok := problem.(error); ok && strings.HasPrefix(err.Error(), "deadlock") {
			stuck = true
			return
		}
		if problem != nil {
			panic(problem)
		}
	}()
	synctest.Test(t, f)
	return false
}
