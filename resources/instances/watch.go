package instances

import (
	"context"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/internal/poll"
	"github.com/prefactordev/prefactor-go/transport"
)

// Watch reads an instance until it has ended, and returns it as it is then:
// Complete, Failed, Cancelled or Terminated. It reads at once, and then waits for
// every, which must be positive, between reads. The options apply to each read.
//
// A failure that may go away by itself doesn't end Watch: an outage, a rate limit, a
// token source that fails, or a [transport.WithTimeout] that ends one read. A
// Retry-After longer than every is waited for, up to an hour.
//
// Watch returns an error when ctx ends ([errs.CanceledError], with the last failure),
// when the API refuses the read (not found, not authorized, invalid), and for an id
// or every that is invalid ([errs.ClientError]).
func (s *Service) Watch(ctx context.Context, id string, every time.Duration, options ...transport.Option) (*Instance, error) {
	if every <= 0 {
		return nil, get.Fail(&errs.ClientError{Field: "every", Problem: "must be a positive duration"})
	}
	for {
		instance, err := s.Get(ctx, id, options...)
		wait, again := poll.Next(err, every)
		switch {
		case err == nil && instance.Status.Ended(), !again, errs.KindOf(err) == errs.KindCanceled && ctx.Err() != nil:
			return instance, err
		case !sleep(ctx, wait):
			return nil, get.Fail(errs.NewCanceledError(ctx, err))
		}
	}
}

// sleep waits for d. It returns false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
