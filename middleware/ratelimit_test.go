package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go/ratelimiter"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestRateLimitSpreadsRequests(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		began := time.Now()
		client := s.client(perAttempt(middleware.RateLimit(middleware.NewRateLimiter(10), time.Minute)))
		if failed := inParallel(50, func(int) error { return read(t.Context(), client) }); len(failed) != 0 {
			t.Errorf("%d failed, the first with %v", len(failed), failed[0])
		}
		journal := s.fake.Journal()
		for i, x := range journal {
			if at, want := x.Time.Sub(began), time.Duration(i)*100*time.Millisecond; at != want {
				t.Errorf("request %d came after %s, want %s", i+1, at, want)
			}
		}
	})
}

func TestRateLimitBeginsNoWaitThatIsTooLong(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		wait     time.Duration
		deadline time.Duration
		passes   bool
	}{
		"within the wait":        {wait: time.Second, passes: true},
		"beyond the wait":        {wait: time.Second - 1},
		"within the deadline":    {wait: time.Hour, deadline: time.Second + 1, passes: true},
		"at the deadline itself": {wait: time.Hour, deadline: time.Second},
		"beyond the deadline":    {wait: time.Hour, deadline: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			onSite(t, func(t *testing.T, s *site) {
				policy := middleware.NewRateLimiter(1)
				policy.TryAcquirePermit()
				ctx := t.Context()
				if row.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, row.deadline)
					defer cancel()
				}
				began := time.Now()
				err := read(ctx, s.retrying(perAttempt(middleware.RateLimit(policy, row.wait))))
				if row.passes {
					if len(s.fake.Journal()) != 1 || errors.Is(err, errs.ErrRejected) {
						t.Errorf("it was not sent: %v", err)
					}
					return
				}
				if !errors.Is(err, ratelimiter.ErrExceeded) || time.Since(began) != 0 {
					t.Errorf("after %s: %v; want a refusal at once", time.Since(began), err)
				}
			})
		})
	}
}

func TestRateLimitTakesNoPermitForACallThatHasEnded(t *testing.T) {
	t.Parallel()
	policy := middleware.NewRateLimiter(1)
	rt := build(t, transport.NewStack(middleware.RateLimit(policy, 0)), succeeding)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req := newRequest(t, ctx)
	if _, err := rt.RoundTrip(req); !errors.Is(err, errs.ErrCanceled) {
		t.Errorf("the error is %v, want a CanceledError", err)
	}
	if !policy.TryAcquirePermit() {
		t.Error("the permit is used up")
	}
}

func TestRateLimitIsPerAttemptInsideRetryAndPerCallOutside(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		edit func(...transport.Layer) func(transport.Stack) transport.Stack
		left time.Duration
	}{
		"inside":  {perAttempt, 3 * time.Hour},
		"outside": {perCall, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(prefactortest.On(reads).Reply(503).Times(2))
				policy := ratelimiter.NewSmooth[any](1, time.Hour)
				began := time.Now()
				if err := read(t.Context(), s.retrying(row.edit(middleware.RateLimit(policy, 24*time.Hour)))); err != nil {
					t.Error(err)
				}
				if next := (time.Since(began) + policy.ReservePermit()).Round(time.Minute); next != row.left {
					t.Errorf("the next permit comes %s after the first, want %s", next, row.left)
				}
			})
		})
	}
}

func TestRateLimiterIsSharedByLayersAndOtherCode(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		policy := ratelimiter.NewBursty[string](3, time.Hour)
		one, other := s.client(perAttempt(middleware.RateLimit(policy, 0))), s.client(perCall(middleware.RateLimit(policy, 0)))
		policy.TryAcquirePermit()
		if err := errors.Join(read(t.Context(), one), read(t.Context(), other)); err != nil {
			t.Error(err)
		}
		if err := read(t.Context(), one); !errors.Is(err, ratelimiter.ErrExceeded) {
			t.Errorf("the error is %v, want a refusal", err)
		}
	})
}

func TestRateLimitReportsItsWait(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		policy := middleware.NewRateLimiter(1)
		policy.TryAcquirePermit()
		var waits []transport.Event
		watch := middleware.Observe("watch", middleware.ObserverFunc(func(_ context.Context, e transport.Event) {
			if e.Kind == transport.WaitBegan {
				waits = append(waits, e)
			}
		}))
		if err := read(t.Context(), s.client(func(stack transport.Stack) transport.Stack {
			return stack.PerCall(watch).PerAttempt(middleware.RateLimit(policy, time.Minute))
		})); err != nil {
			t.Error(err)
		}
		if len(waits) != 1 || waits[0].Layer != "ratelimit" || waits[0].Duration != time.Second {
			t.Errorf("the waits are %+v, want one of 1s", waits)
		}
	})
}

func TestNewRateLimiterPanicsOnAnInvalidRate(t *testing.T) {
	t.Parallel()
	for _, rate := range []uint{0, 1_000_000_001} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			defer func() {
				if err, _ := recover().(error); !errors.Is(err, errs.ErrClient) {
					t.Errorf("it panicked with %v, want a ClientError", err)
				}
			}()
			middleware.NewRateLimiter(rate)
		})
	}
	if policy := middleware.NewRateLimiter(1_000_000_000); !policy.TryAcquirePermit() {
		t.Error("a limiter of the largest rate has no permit")
	}
}

func TestRateLimitAllocations(t *testing.T) {
	if n := layerAllocations(t, perAttempt(middleware.RateLimit(middleware.NewRateLimiter(1_000_000_000), time.Minute))); n != 0 {
		t.Errorf("a success costs %v allocations with the layer, want 0", n)
	}
}
