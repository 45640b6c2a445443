package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// An invariant is what must hold for a stack, whatever fails.
type invariant string

const (
	holdsReach      invariant = "every call is sent through the base that the stack is built on, and nothing is sent elsewhere"
	holdsKey        invariant = "one call has one idempotency key, the same on every attempt, hedge and replay, and a caller's key is never replaced"
	holdsOnce       invariant = "a call that succeeded was applied exactly once, one that failed at most once, and its error says whether it may have been applied"
	holdsToken      invariant = "the token goes only to the configured origin, over https, or http on loopback, and no error shows it"
	holdsRedirect   invariant = "no redirect is followed"
	holdsBodies     invariant = "every body is closed on every path"
	holdsWaits      invariant = "a wait ends at once on cancellation, is not begun if it would outlast the deadline, and is never shorter than Retry-After"
	holdsBound      invariant = "responses are bounded in size"
	holdsKept       invariant = "unknown members are kept, and numbers keep every digit"
	holdsConcurrent invariant = "the stack is safe for concurrent use, and no goroutine outlives its call"
	holdsRepeats    invariant = "a failure that another attempt may fix is retried, as the policy says, and nothing else is"
)

// broken fails the test with the broken invariant, what was seen, and the
// exchanges that show it.
func broken(t testing.TB, what invariant, shown []prefactortest.Exchange, format string, args ...any) {
	t.Helper()
	t.Errorf("broken: %s: %s%s", what, fmt.Sprintf(format, args...), listed(shown))
}

// listed formats the first exchanges, one a line.
func listed(shown []prefactortest.Exchange) string {
	const most = 8
	var b strings.Builder
	for n, x := range shown {
		if n == most {
			fmt.Fprintf(&b, "\n\tand %d more", len(shown)-most)
			break
		}
		fmt.Fprintf(&b, "\n\texchange %d: %s", x.Number, x)
		if x.Key != "" {
			fmt.Fprintf(&b, ", key %s", x.Key)
		}
	}
	return b.String()
}

// of returns the exchanges of one operation.
func of(operation string, journal []prefactortest.Exchange) []prefactortest.Exchange {
	return slices.DeleteFunc(slices.Clone(journal), func(x prefactortest.Exchange) bool { return x.Operation != operation })
}
