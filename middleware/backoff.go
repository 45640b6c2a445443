package middleware

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

// jitter is how much of a wait is left to chance.
const jitter = 0.25

// wait returns how long to wait after attempt number, the first being 1, which
// failed with err. It is not ok if the server asks for more than MaxRetryDelay.
func (r *retryRun) wait(err error, number int) (wait time.Duration, ok bool) {
	longest := r.policy.MaxRetryDelay
	if asked, ok := errs.RetryAfter(err); ok {
		if asked > longest {
			return 0, false
		}
		return min(asked+time.Duration(float64(asked)*jitter*rand.Float64()), longest), true
	}
	backoff := float64(r.policy.InitialRetryDelay) * math.Pow(r.policy.RetryMultiplier, float64(number-1))
	backoff *= 1 - jitter + 2*jitter*rand.Float64()
	return time.Duration(min(backoff, float64(longest))), true
}
