package instances

import (
	"context"
	"errors"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// Watch asks for an instance, at once and then after each wait of every, which
// must be positive, until it has ended, and returns it as it is then: Complete,
// Failed, Cancelled or Terminated. The options are those of each question.
//
// A failure that time may mend, such as an outage, doesn't end the watching; a
// Retry-After longer than every is kept to. It returns an error when ctx ends,
// or when the API says that the instance doesn't exist or isn't the token's to
// see.
func (s *Service) Watch(ctx context.Context, id string, every time.Duration, options ...transport.Option) (*Instance, error) {
	if every <= 0 {
		return nil, watchError(&errs.ClientError{Field: "every", Problem: "must be a positive duration"})
	}
	for {
		instance, err := s.Get(ctx, id, options...)
		if err == nil && ended(instance.Status) || final(err) && (ctx.Err() != nil || !errors.Is(err, errs.ErrCanceled)) {
			return instance, err
		}
		wait := every
		if asked, ok := errs.RetryAfter(err); ok {
			wait = max(wait, asked)
		}
		if !sleep(ctx, wait) {
			return nil, watchError(errs.NewCanceledError(ctx, err))
		}
	}
}

// ended reports whether an instance of this status has come to its end.
func ended(status Status) bool {
	switch status {
	case Complete, Failed, Cancelled, Terminated:
		return true
	}
	return false
}

// final reports whether asking again is in vain after err.
func final(err error) bool {
	switch errs.KindOf(err) {
	case errs.KindCanceled, errs.KindClient, errs.KindNotFound, errs.KindValidation:
		return true
	case errs.KindAuth: // but not for a token source that failed
		auth, ok := errors.AsType[*errs.AuthError](err)
		return ok && auth.Cause == nil
	}
	return false
}

func watchError(err error) error {
	return &errs.Error{Operation: get.Name(), Method: "GET", Route: "/agent_instance/{id}", Err: err}
}

// sleep waits for d, and reports whether ctx let it.
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
