package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// One breaker for everything that calls the API: it counts the layer's
// attempts, and other code checks it and sees it open.
func ExampleBreaker() {
	fake := prefactortest.New()
	fake.Inject(prefactortest.On("*").Reply(503).Times(2))

	policy := circuitbreaker.NewBuilder[any]().WithFailureThreshold(2).WithDelay(time.Minute).Build()
	cfg := middleware.NewConfig("https://prefactor.test", prefactortest.Token)
	cfg.MaxRetries = 0
	stack := middleware.Default(cfg).PerAttempt(middleware.Breaker(policy))

	client := exampleClient(stack, fake)
	for range 3 {
		err := read(context.Background(), client)
		fmt.Println("refused:", errors.Is(err, circuitbreaker.ErrOpen), "breaker:", policy.State())
	}
	// Output:
	// refused: false breaker: closed
	// refused: false breaker: open
	// refused: true breaker: open
}

// At most 50 attempts per second; an attempt waits up to two seconds for its
// turn.
func ExampleRateLimit() {
	cfg := middleware.NewConfig("https://prefactor.test", prefactortest.Token)
	limit := middleware.RateLimit(middleware.NewRateLimiter(50), 2*time.Second)
	fmt.Print(transport.NewStack(middleware.Retry(cfg.RetryPolicy), limit))
	// Output:
	// ── once a call ─────────────────────────────────
	// ── retry (3 retries, 1s to 1m0s) ───────────────
	// ── once an attempt ─────────────────────────────
	//    ratelimit      waits 2s at most; limits attempts inside retry, calls outside
	//    base
}

// At most 20 attempts at a time. A call that gets no permit within a second
// isn't sent, and the program can handle it in another way.
func ExampleBulkhead() {
	fake := prefactortest.New()
	policy := middleware.NewBulkhead(20)
	cfg := middleware.NewConfig("https://prefactor.test", prefactortest.Token)
	stack := middleware.Default(cfg).PerAttempt(middleware.Bulkhead(policy, time.Second))

	err := read(context.Background(), exampleClient(stack, fake))
	if refusal, ok := errors.AsType[*errs.RejectedError](err); ok {
		fmt.Println(refusal.Layer, "is full")
	}
	fmt.Println(err)
	// Output: <nil>
}

// If an attempt takes longer than 50 milliseconds, a second request with the
// same key races it.
func ExampleHedge() {
	fake := prefactortest.New()
	fake.Inject(prefactortest.On("agents.create").Hang())
	cfg := middleware.NewConfig("https://prefactor.test", prefactortest.Token)
	stack := middleware.Default(cfg).PerAttempt(middleware.Hedge(middleware.NewHedge(50 * time.Millisecond)))

	err := write(context.Background(), exampleClient(stack, fake))
	journal := fake.Journal()
	fmt.Println(err, len(journal), journal[0].Key == journal[1].Key)
	// Output: <nil> 2 true
}

// At most a fifth of the requests in progress are retries.
func ExampleRetryBudget() {
	cfg := middleware.NewConfig("https://prefactor.test", prefactortest.Token)
	shared := budget.New()
	stack := middleware.Default(cfg).
		Replace("retry", middleware.Retry(cfg.RetryPolicy, middleware.RetryBudget(shared)))
	fmt.Print(stack)
	// Output:
	// ── once a call ─────────────────────────────────
	//    identify       prefactor-go@0.1.0
	//    idempotency
	// ── retry (3 retries, 1s to 1m0s, budgeted) ─────
	// ── once an attempt ─────────────────────────────
	//    timeout        30s
	//    classify
	//    envelope       up to 32 MiB
	//    auth           for https://prefactor.test
	//    base
}

// The limiter adjusts to what the server takes, and starts with 20 requests at
// a time.
func ExampleAdaptive() {
	fake := prefactortest.New()
	policy := middleware.NewAdaptiveLimiter()
	cfg := middleware.NewConfig("https://prefactor.test", prefactortest.Token)
	stack := middleware.Default(cfg).PerAttempt(middleware.Adaptive(policy, time.Second))

	err := read(context.Background(), exampleClient(stack, fake))
	fmt.Println(err, policy.Limit(), policy.Inflight())
	// Output: <nil> 20 0
}

// exampleClient is a client over a stack on a fake server.
func exampleClient(stack transport.Stack, fake *prefactortest.Fake) *transport.Client {
	rt, err := stack.RoundTripper(fake.RoundTripper())
	if err != nil {
		panic(err)
	}
	client, err := transport.NewClient("https://prefactor.test", rt)
	if err != nil {
		panic(err)
	}
	return client
}
