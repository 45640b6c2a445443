package prefactortest

import (
	"fmt"
	"net/http"
	"time"
)

// Storm returns faults of every kind that a network or an overloaded server
// causes: resets before and after the commit, cut bodies, 429, 502, and 503
// with and without a commit. Each request is struck with probability rate,
// from 0 to 1. The faults are optional; the 429 asks for a wait of 2 ms. For a
// client that repeats writes without an idempotency key, add
// [Fault.SpareKeyless] to each.
func Storm(rate float64) []Fault {
	must(rate >= 0 && rate <= 1, fmt.Sprintf("Storm(%g)", rate), "a rate is 0 to 1")
	const wait = 2 * time.Millisecond
	kinds := []Fault{
		On("*").ResetBefore(),
		On("*").ResetAfter(),
		On("*").CutBody(20),
		On("*").Reply(http.StatusTooManyRequests).RetryAfterMS(wait),
		On("*").Reply(http.StatusServiceUnavailable),
		On("*").Commit().Reply(http.StatusServiceUnavailable),
		On("*").HTML(http.StatusBadGateway),
	}
	each := rate / float64(len(kinds))
	for i := range kinds {
		// A fault is drawn only for requests that those before it left.
		kinds[i] = kinds[i].Chance(each / (1 - each*float64(i)))
	}
	return kinds
}
