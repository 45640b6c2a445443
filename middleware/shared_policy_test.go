package middleware_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go/adaptivelimiter"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/ratelimiter"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// What a canceled request of one stack held is free for the others, if each stack
// has a layer of its own for the policy.
func TestACanceledRequestFreesItsPermitForAllLayersOfThePolicy(t *testing.T) {
	t.Parallel()
	for name, makeLayers := range map[string]func() (layer func() transport.Layer){
		"breaker, half-open": func() func() transport.Layer {
			policy := halfOpen(1)
			return func() transport.Layer { return middleware.Breaker(policy) }
		},
		"breaker of responses, half-open": func() func() transport.Layer {
			policy := circuitbreaker.NewBuilder[*transport.Answer]().Build()
			policy.HalfOpen()
			return func() transport.Layer { return middleware.Breaker(policy) }
		},
		"bulkhead": func() func() transport.Layer {
			policy := middleware.NewBulkhead(1)
			return func() transport.Layer { return middleware.Bulkhead(policy, 0) }
		},
		"adaptive": func() func() transport.Layer {
			policy := adaptivelimiter.NewBuilder[any]().WithLimits(1, 1, 1).Build()
			return func() transport.Layer { return middleware.Adaptive(policy, 0) }
		},
		"ratelimit": func() func() transport.Layer {
			policy := ratelimiter.NewSmooth[any](1, time.Second)
			return func() transport.Layer { return middleware.RateLimit(policy, 0) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(prefactortest.On(reads).Hang().Times(2))
				layer := makeLayers()
				one, other := s.client(perAttempt(layer())), s.client(perAttempt(layer()))
				for _, client := range []*transport.Client{one, other} {
					ctx, cancel := canceledAfter(time.Second)(t.Context())
					_ = read(ctx, client)
					cancel()
				}
				runtime.GC() // the layers share what they hold for as long as one of them lives
				if err := read(t.Context(), other); err != nil {
					t.Errorf("the other stack got %v", err)
				}
				time.Sleep(time.Second) // for the rate limiter, whose permits come with time
				if err := read(t.Context(), one); err != nil {
					t.Errorf("the first stack got %v", err)
				}
			})
		})
	}
}

// ownPolicy is a policy of a type of its own.
type ownPolicy struct {
	circuitbreaker.CircuitBreaker[any]
}

func TestAPolicyIsForgottenWithItsLayers(t *testing.T) {
	t.Parallel()
	forgotten := make(chan struct{})
	func() {
		policy := &ownPolicy{halfOpen(1)}
		runtime.AddCleanup(policy, func(forgotten chan struct{}) { close(forgotten) }, forgotten)
		build(t, transport.NewStack(middleware.Breaker[any](policy)), succeeding)
		build(t, transport.NewStack(middleware.Breaker[any](policy)), succeeding)
	}()
	for range 10_000 {
		runtime.GC()
		select {
		case <-forgotten:
			return
		default:
			runtime.Gosched()
		}
	}
	t.Error("the policy is still there")
}

// listPolicy is a policy whose values can't be compared.
type listPolicy struct {
	circuitbreaker.CircuitBreaker[any]
	_ []string
}

func TestBreakerTakesAPolicyThatCanNotBeCompared(t *testing.T) {
	t.Parallel()
	policy := halfOpen(1)
	_ = send(t, build(t, transport.NewStack(middleware.Breaker[any](listPolicy{CircuitBreaker: policy})), succeeding)).Body.Close()
	if !policy.IsClosed() {
		t.Errorf("the breaker is %s, want closed", policy.State())
	}
}
