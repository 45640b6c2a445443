// Package poll says how to go on reading something that changes.
package poll

import (
	"errors"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

// longestAsk is the longest Retry-After that is waited for: one that never ends must
// not end the reading.
const longestAsk = time.Hour

// Next returns how long to wait after a read that ended with err, nil included, if it
// is to be read again after every. again is false if reading again can't help: the API
// refuses the read, or its input is wrong. A cancellation may be that of one read.
func Next(err error, every time.Duration) (wait time.Duration, again bool) {
	switch errs.KindOf(err) {
	case errs.KindClient, errs.KindNotFound, errs.KindValidation:
		return 0, false
	case errs.KindAuth: // a token source that failed may recover
		if auth, ok := errors.AsType[*errs.AuthError](err); ok && auth.Cause == nil {
			return 0, false
		}
	}
	wait = every
	if asked, ok := errs.RetryAfter(err); ok {
		wait = max(wait, min(asked, longestAsk))
	}
	return wait, true
}
