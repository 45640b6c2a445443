package middleware_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go/adaptivelimiter"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// The fields that hold for an event are those that its kind's comment names.
func TestEveryEventHasTheFieldsOfItsKind(t *testing.T) {
	t.Parallel()
	slowly := func(f prefactortest.Fault) prefactortest.Fault { return f.Delay(time.Second) }
	source := func(list ...string) func(*site, transport.Stack) transport.Stack {
		return func(s *site, stack transport.Stack) transport.Stack {
			all := fetching(list...)
			source := middleware.RefreshingToken(func(ctx context.Context) (transport.Secret, error) {
				time.Sleep(time.Second)
				return all.fetch(ctx)
			})
			_, _ = source.Token(context.Background())
			time.Sleep(time.Minute)
			return s.withSource(source)(stack)
		}
	}
	inside := func(layer func() transport.Layer) func(*site, transport.Stack) transport.Stack {
		return func(_ *site, stack transport.Stack) transport.Stack { return stack.PerAttempt(layer()) }
	}
	succeeds := []string{"attempt ended: Attempt Status=200 Duration", "call ended: Status=200 Duration"}
	var seen []transport.EventKind
	for name, row := range map[string]struct {
		faults []prefactortest.Fault
		edit   func(*site, transport.Stack) transport.Stack
		want   []string
	}{
		"an error status": {
			faults: []prefactortest.Fault{slowly(prefactortest.On(writes).Reply(503))},
			want:   slices.Concat([]string{"attempt ended: Attempt Status=503 Duration Err=server", "wait began: Layer=retry Duration"}, succeeds),
		},
		"no response": {
			faults: []prefactortest.Fault{slowly(prefactortest.On(writes).ResetBefore())},
			want:   slices.Concat([]string{"attempt ended: Attempt Duration Err=network", "wait began: Layer=retry Duration"}, succeeds),
		},
		"a body that breaks off": {
			faults: []prefactortest.Fault{slowly(prefactortest.On(writes).CutBody(9))},
			want:   slices.Concat([]string{"attempt ended: Attempt Status=200 Duration Err=network", "wait began: Layer=retry Duration"}, succeeds),
		},
		"a final failure": {
			faults: []prefactortest.Fault{slowly(prefactortest.On(writes).Reply(409))},
			want:   []string{"attempt ended: Attempt Status=409 Duration Err=conflict", "call ended: Status=409 Duration Err=conflict"},
		},
		"a call without a response": {
			faults: []prefactortest.Fault{slowly(prefactortest.On(writes).ResetBefore().Always())},
			edit: func(s *site, stack transport.Stack) transport.Stack {
				policy := s.cfg.RetryPolicy
				policy.MaxRetries = 0
				return stack.Replace("retry", middleware.Retry(policy))
			},
			want: []string{"attempt ended: Attempt Duration Err=network", "call ended: Duration Err=network"},
		},
		"a refusal": {
			edit: inside(func() transport.Layer {
				policy := middleware.NewBreaker()
				policy.Open()
				return middleware.Breaker(policy)
			}),
			want: []string{"refused: Layer=breaker Err=rejected", "attempt ended: Attempt Err=rejected", "call ended: Err=rejected"},
		},
		"another token": {
			edit: source("expired", prefactortest.Token),
			want: slices.Concat([]string{"token refreshed: Layer=auth Duration"}, succeeds),
		},
		"another token, later": {
			faults: []prefactortest.Fault{prefactortest.On(writes).Reply(401).Header("Retry-After", "5")},
			edit:   source("old", prefactortest.Token),
			want:   slices.Concat([]string{"token refreshed: Layer=auth Duration", "wait began: Layer=auth Duration"}, succeeds),
		},
		"no other token": {
			edit: source("expired", ""),
			want: []string{"token refreshed: Layer=auth Duration Err=client",
				"attempt ended: Attempt Duration Err=auth", "call ended: Duration Err=auth"},
		},
		"a wait for the rate limiter": {
			edit: inside(func() transport.Layer {
				policy := middleware.NewRateLimiter(1)
				policy.TryAcquirePermit()
				return middleware.RateLimit(policy, time.Minute)
			}),
			want: slices.Concat([]string{"wait began: Layer=ratelimit Duration"}, succeeds),
		},
		"a wait for the bulkhead": {
			edit: inside(func() transport.Layer {
				policy := middleware.NewBulkhead(1)
				policy.TryAcquirePermit()
				time.AfterFunc(time.Second, policy.ReleasePermit)
				return middleware.Bulkhead(policy, time.Minute)
			}),
			want: slices.Concat([]string{"wait began: Layer=bulkhead Duration"}, succeeds),
		},
		"a wait for the adaptive limiter": {
			edit: inside(func() transport.Layer {
				policy := adaptivelimiter.NewBuilder[any]().WithLimits(1, 1, 1).Build()
				permit, _ := policy.TryAcquirePermit()
				time.AfterFunc(time.Second, permit.Drop)
				return middleware.Adaptive(policy, time.Minute)
			}),
			want: slices.Concat([]string{"wait began: Layer=adaptive Duration"}, succeeds),
		},
	} {
		t.Run(name, func(t *testing.T) {
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(row.faults...)
				s.fake.Inject(slowly(prefactortest.On(writes)).Optional().Always())
				var got []string
				observer := middleware.ObserverFunc(func(_ context.Context, e transport.Event) {
					seen = append(seen, e.Kind)
					got = append(got, fields(e))
				})
				client := s.retrying(func(stack transport.Stack) transport.Stack {
					stack = stack.PerCall(middleware.Observe("events", observer))
					if row.edit != nil {
						stack = row.edit(s, stack)
					}
					return stack
				})
				_ = write(t.Context(), client)
				if !slices.Equal(got, row.want) {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(row.want, "\n"))
				}
			})
		})
	}
	for kind := transport.EventKind(1); kind.String() != transport.EventKind(0).String(); kind++ {
		if !slices.Contains(seen, kind) {
			t.Errorf("no row has the event %q", kind)
		}
	}
}

// fields returns the kind of an event and the fields that aren't zero.
func fields(e transport.Event) string {
	line := e.Kind.String() + ":"
	if e.Layer != "" {
		line += " Layer=" + e.Layer
	}
	if e.Attempt.Number != 0 {
		line += " Attempt"
		if e.Status != e.Attempt.Status || e.Duration != e.Attempt.Duration || e.Err != e.Attempt.Err {
			line += " (another one)"
		}
	}
	if e.Status != 0 {
		line += fmt.Sprintf(" Status=%d", e.Status)
	}
	if e.Duration != 0 {
		line += " Duration"
	}
	if e.Err != nil {
		line += " Err=" + string(errs.KindOf(e.Err))
	}
	return line
}
