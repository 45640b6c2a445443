package prefactortest

import (
	"net/http"
	"time"
)

// Storm gives faults of every kind that a network and an overloaded server
// have (resets on both sides of the commit, cut bodies, 429, 502, 503 with
// and without a commit) that together strike requests with the given
// probability. They are optional; their waits are milliseconds.
func Storm(rate float64) []Fault {
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
		// Only what the faults before it leave can be struck.
		kinds[i] = kinds[i].Chance(each / (1 - each*float64(i)))
	}
	return kinds
}
