package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// An invariant is what a stack must hold whatever happens.
type invariant string

const (
	holdsKey        invariant = "one call has one idempotency key, the same on every attempt, hedge and replay, and a caller's key is never replaced"
	holdsOnce       invariant = "a call that succeeded is there exactly once, one that failed once at most, and its error says whether it may have been applied"
	holdsToken      invariant = "the token goes to the configured origin only, over https, or http on loopback, and shows in no error"
	holdsRedirect   invariant = "no redirect is followed"
	holdsBodies     invariant = "every body is closed on every path"
	holdsWaits      invariant = "a wait ends at once on cancellation, one that would outlast the deadline is not begun, and a Retry-After is never waited less than"
	holdsBound      invariant = "answers are bounded in size"
	holdsKept       invariant = "unknown members are kept, and numbers keep every digit"
	holdsConcurrent invariant = "all of it is safe for concurrent use, and no goroutine outlives its call"
	holdsRepeats    invariant = "what another attempt may mend is repeated, as the policy says, and nothing else is"
)

// broken fails the test with an invariant that doesn't hold, with what was seen
// and with the exchanges that show it.
func broken(t testing.TB, what invariant, shown []prefactortest.Exchange, format string, args ...any) {
	t.Helper()
	t.Errorf("broken: %s: %s%s", what, fmt.Sprintf(format, args...), listed(shown))
}

// listed gives exchanges as lines to go under a sentence.
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

// of gives the exchanges of one operation.
func of(operation string, journal []prefactortest.Exchange) []prefactortest.Exchange {
	return slices.DeleteFunc(slices.Clone(journal), func(x prefactortest.Exchange) bool { return x.Operation != operation })
}
