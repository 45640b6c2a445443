package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/hedgepolicy"
	"github.com/failsafe-go/failsafe-go/ratelimiter"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/transport"
)

// refusers are the layers that refuse, each in a state in which it does so.
var refusers = map[string]struct {
	refusing func() transport.Layer
	sentinel error
}{
	"breaker": {func() transport.Layer {
		policy := middleware.NewBreaker()
		policy.Open()
		return middleware.Breaker(policy)
	}, circuitbreaker.ErrOpen},
	"ratelimit": {func() transport.Layer {
		policy := ratelimiter.NewSmooth[any](1, time.Hour)
		policy.TryAcquirePermit()
		return middleware.RateLimit(policy, 0)
	}, ratelimiter.ErrExceeded},
	"bulkhead": {func() transport.Layer {
		return middleware.Bulkhead(middleware.NewBulkhead(0), 0)
	}, bulkhead.ErrFull},
	"adaptive": {func() transport.Layer {
		return middleware.Adaptive(&limiter{}, 0)
	}, errLimit},
}

func TestARefusalSendsNothingAndIsNotRetried(t *testing.T) {
	t.Parallel()
	for name, r := range refusers {
		for position, edit := range map[string]func(...transport.Layer) func(transport.Stack) transport.Stack{
			"outside retry": perCall, "inside retry": perAttempt, "next to the base": onWire,
		} {
			t.Run(name+" "+position, func(t *testing.T) {
				onSite(t, func(t *testing.T, s *site) {
					began := time.Now()
					err := write(t.Context(), s.retrying(edit(r.refusing())))
					refusal, ok := errors.AsType[*errs.RejectedError](err)
					if !ok || refusal.Layer != name || !errors.Is(err, errs.ErrRejected) {
						t.Errorf("the error is %v, want a RejectedError of layer %s", err, name)
					}
					if !errors.Is(err, r.sentinel) {
						t.Errorf("%v doesn't match %v", err, r.sentinel)
					}
					if errs.MaybeApplied(err) || errs.Retryable(err) {
						t.Errorf("MaybeApplied is %t, Retryable %t", errs.MaybeApplied(err), errs.Retryable(err))
					}
					if n := len(s.fake.Journal()); n != 0 {
						t.Errorf("%d requests were sent", n)
					}
					if elapsed := time.Since(began); elapsed != 0 {
						t.Errorf("it took %s", elapsed)
					}
					checkNoToken(t, err)
				})
			})
		}
	}
}

func TestARefusalClosesTheRequestBody(t *testing.T) {
	t.Parallel()
	for name, r := range refusers {
		t.Run(name, func(t *testing.T) {
			rt := build(t, transport.NewStack(r.refusing()), succeeding)
			body := &tracked{Reader: strings.NewReader("{}")}
			req, err := http.NewRequest(http.MethodPost, "https://prefactor.test", body)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := (&http.Client{Transport: rt}).Do(req); !errors.Is(err, r.sentinel) {
				t.Errorf("the error is %v, want one that matches %v", err, r.sentinel)
			}
			if !body.closed.Load() {
				t.Error("the request's body is open")
			}
		})
	}
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	waiters := map[string]func() transport.Layer{
		"ratelimit": func() transport.Layer {
			policy := ratelimiter.NewSmooth[any](1, time.Hour)
			policy.TryAcquirePermit()
			return middleware.RateLimit(policy, 2*time.Hour)
		},
		"bulkhead": func() transport.Layer { return middleware.Bulkhead(middleware.NewBulkhead(0), time.Hour) },
		"adaptive": func() transport.Layer { return middleware.Adaptive(&limiter{}, time.Hour) },
	}
	for name, waiting := range waiters {
		t.Run(name+": the caller cancels", func(t *testing.T) {
			onSite(t, func(t *testing.T, s *site) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Minute, cancel)
				began := time.Now()
				err := write(ctx, s.retrying(perAttempt(waiting())))
				if !errors.Is(err, errs.ErrCanceled) || !errors.Is(err, context.Canceled) || errs.MaybeApplied(err) {
					t.Errorf("the error is %v, want a CanceledError of a call that wasn't applied", err)
				}
				if elapsed := time.Since(began); elapsed != time.Minute {
					t.Errorf("it took %s, want 1m", elapsed)
				}
			})
		})
		t.Run(name+": the attempt times out", func(t *testing.T) {
			onSite(t, func(t *testing.T, s *site) {
				err := write(t.Context(), s.client(onWire(waiting())))
				lost, ok := errors.AsType[*errs.NetworkError](err)
				if !ok || !lost.Timeout() || lost.Sent || errors.Is(err, errs.ErrCanceled) {
					t.Errorf("the error is %#v, want a NetworkError: a timeout, not sent", err)
				}
			})
		})
	}
}

func TestALayerWithoutAPolicyIsAMistake(t *testing.T) {
	t.Parallel()
	for name, layer := range map[string]transport.Layer{
		"breaker":                     middleware.Breaker[any](nil),
		"ratelimit":                   middleware.RateLimit[any](nil, 0),
		"bulkhead":                    middleware.Bulkhead[any](nil, 0),
		"adaptive":                    middleware.Adaptive[*permit](nil, 0),
		"hedge":                       middleware.Hedge(hedgepolicy.HedgePolicy[*http.Response](nil)),
		"ratelimit, negative wait":    middleware.RateLimit(middleware.NewRateLimiter(1), -1),
		"bulkhead, negative wait":     middleware.Bulkhead(middleware.NewBulkhead(1), -1),
		"adaptive, negative wait":     middleware.Adaptive(&limiter{}, -1),
		"retry, a budget of its own":  middleware.Retry(middleware.DefaultRetryPolicy(), middleware.RetryBudget(foreignBudget{})),
		"retry, nil for a budget":     middleware.Retry(middleware.DefaultRetryPolicy(), middleware.RetryBudget(nil)),
		"retry, a policy of no sense": middleware.Retry(middleware.RetryPolicy{}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := transport.NewStack(layer).RoundTripper(succeeding)
			if !errors.Is(err, errs.ErrClient) {
				t.Errorf("the error is %v, want a ClientError", err)
			}
		})
	}
}

type foreignBudget struct{}

func (foreignBudget) Rate() float64 { return 0 }
