package middleware_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// tally is a breaker that counts and never opens.
func tally() circuitbreaker.CircuitBreaker[any] {
	return circuitbreaker.NewBuilder[any]().WithFailureThresholdRatio(1000, 1000).Build()
}

func checkTally(t *testing.T, policy circuitbreaker.CircuitBreaker[any], successes, failures uint) {
	t.Helper()
	if m := policy.Metrics(); m.Successes() != successes || m.Failures() != failures {
		t.Errorf("the breaker counted %d successes and %d failures, want %d and %d", m.Successes(), m.Failures(), successes, failures)
	}
}

func TestBreakerCountsByTheResponse(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		fault               prefactortest.Fault
		successes, failures uint
	}{
		"a success":                   {slow(reads, time.Second), 1, 0},
		"404":                         {prefactortest.On(reads).Reply(404), 1, 0},
		"422":                         {prefactortest.On(reads).Reply(422), 1, 0},
		"429":                         {prefactortest.On(reads).Reply(429), 1, 0},
		"an error under 200":          {prefactortest.On(reads).Reply(200).Body(`{"status":"error","code":"invalid_action"}`), 1, 0},
		"500":                         {prefactortest.On(reads).Reply(500), 0, 1},
		"501, which isn't retried":    {prefactortest.On(reads).Reply(501), 0, 1},
		"503":                         {prefactortest.On(reads).Reply(503), 0, 1},
		"a cut body under 200":        {prefactortest.On(reads).CutBody(10), 0, 1},
		"a broken document under 200": {prefactortest.On(reads).Malformed(200), 0, 1},
		"a page under 200":            {prefactortest.On(reads).HTML(200), 0, 1},
		"a page under 429":            {prefactortest.On(reads).HTML(429), 0, 1},
		"a redirect":                  {prefactortest.On(reads).Redirect(302, "https://elsewhere.test"), 0, 1},
		"a reset":                     {prefactortest.On(reads).ResetBefore(), 0, 1},
		"a timeout":                   {prefactortest.On(reads).Hang(), 0, 1},
		"a timeout within the body":   {prefactortest.On(reads).Stall(time.Hour), 0, 1},
	} {
		for position, edit := range map[string]func(...transport.Layer) func(transport.Stack) transport.Stack{
			"once a call": perCall, "once an attempt": perAttempt, "next to the base": onWire,
		} {
			t.Run(name+" "+position, func(t *testing.T) {
				onSite(t, func(t *testing.T, s *site) {
					s.fake.Inject(row.fault)
					policy := tally()
					checkNoToken(t, read(t.Context(), s.client(edit(middleware.Breaker(policy)))))
					checkTally(t, policy, row.successes, row.failures)
				})
			})
		}
	}
}

func TestBreakerCountsNothingThatShowsNothingAboutTheServer(t *testing.T) {
	t.Parallel()
	refusal := transport.NewLayerFunc("refusing", transport.Anywhere, func(*http.Request, transport.Next) (*http.Response, error) {
		return nil, &errs.RejectedError{Layer: "refusing", Cause: errors.New("no")}
	})
	for name, row := range map[string]struct {
		fault prefactortest.Fault
		ctx   func(context.Context) (context.Context, context.CancelFunc)
		edit  func(transport.Stack) transport.Stack
	}{
		"the caller cancels":             {fault: prefactortest.On(reads).Hang(), ctx: canceledAfter(time.Second)},
		"the caller cancels in the body": {fault: prefactortest.On(reads).Stall(time.Hour), ctx: canceledAfter(time.Second)},
		"the caller's deadline passes": {fault: prefactortest.On(reads).Hang(), ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}},
		"a layer inside refuses":      {edit: onWire(refusal)},
		"the request can't be sent":   {edit: onWire(failing(&errs.ClientError{Field: "request", Problem: "can't be sent"}))},
		"the token source fails":      {edit: onWire(failing(&errs.AuthError{APIError: &errs.APIError{}, Cause: errors.New("no vault")}))},
		"a layer inside fails itself": {edit: onWire(failing(errors.New("no audit log")))},
	} {
		t.Run(name, func(t *testing.T) {
			onSite(t, func(t *testing.T, s *site) {
				if row.edit == nil {
					s.fake.Inject(row.fault)
					row.edit = perAttempt()
				}
				ctx := t.Context()
				if row.ctx != nil {
					var cancel context.CancelFunc
					ctx, cancel = row.ctx(ctx)
					defer cancel()
				}
				policy := tally()
				err := read(ctx, s.client(func(stack transport.Stack) transport.Stack {
					return row.edit(stack.PerAttempt(middleware.Breaker(policy)))
				}))
				if err == nil {
					t.Error("the call succeeded")
				}
				checkTally(t, policy, 0, 0)
			})
		})
	}
}

func canceledAfter(d time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(d, cancel)
		return ctx, cancel
	}
}

// failing is a layer that fails every request.
func failing(err error) transport.Layer {
	return transport.NewLayerFunc("failing", transport.Anywhere, func(*http.Request, transport.Next) (*http.Response, error) { return nil, err })
}

func TestBreakerOpensInAnOutageAndClosesAfterIt(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.On(reads).Reply(503).Times(20))
		policy := middleware.NewBreaker()
		client := s.client(perAttempt(middleware.Breaker(policy)))
		for range 19 {
			_ = read(t.Context(), client)
		}
		if !policy.IsClosed() {
			t.Fatalf("after 19 failures it is %s, want closed", policy.State())
		}
		_ = read(t.Context(), client)
		if !policy.IsOpen() {
			t.Fatalf("after 20 failures it is %s, want open", policy.State())
		}
		err := read(t.Context(), client)
		if !errors.Is(err, circuitbreaker.ErrOpen) || !strings.Contains(err.Error(), "the next trial is in ") {
			t.Errorf("the refusal is %v, want one that says when the next trial is", err)
		}
		time.Sleep(policy.RemainingDelay())
		for i := range 3 {
			if err := read(t.Context(), client); err != nil {
				t.Errorf("trial %d: %v", i+1, err)
			}
		}
		if !policy.IsClosed() {
			t.Errorf("after three good trials it is %s, want closed", policy.State())
		}
		if n := len(s.fake.Journal()); n != 23 {
			t.Errorf("the server saw %d requests, want 23", n)
		}
	})
}

// halfOpen is a half-open breaker that lets n trials through.
func halfOpen(n uint) circuitbreaker.CircuitBreaker[any] {
	policy := circuitbreaker.NewBuilder[any]().WithSuccessThreshold(n).Build()
	policy.HalfOpen()
	return policy
}

func TestATrialThatIsNotCountedFreesItsPermit(t *testing.T) {
	t.Parallel()
	t.Run("canceled", func(t *testing.T) {
		onSite(t, func(t *testing.T, s *site) {
			s.fake.Inject(prefactortest.On(reads).Hang().Times(5))
			policy := halfOpen(1)
			client := s.client(perAttempt(middleware.Breaker(policy)))
			for range 5 {
				ctx, cancel := canceledAfter(time.Second)(t.Context())
				if err := read(ctx, client); !errors.Is(err, errs.ErrCanceled) {
					t.Errorf("the error is %v, want a CanceledError", err)
				}
				cancel()
			}
			if !policy.IsHalfOpen() {
				t.Fatalf("the breaker is %s, want half-open", policy.State())
			}
			if err := read(t.Context(), client); err != nil || !policy.IsClosed() {
				t.Errorf("the next trial: %v, the breaker is %s; want a success that closes it", err, policy.State())
			}
		})
	})
	t.Run("panicked", func(t *testing.T) {
		calls := 0
		policy := halfOpen(1)
		rt := build(t, transport.NewStack(middleware.Breaker(policy)), baseFunc(func(req *http.Request) (*http.Response, error) {
			if calls++; calls == 1 {
				panic("base")
			}
			return succeeding(req)
		}))
		sendPanicking(t, rt, "base")
		_ = send(t, rt).Body.Close()
		if !policy.IsClosed() {
			t.Errorf("the breaker is %s, want closed", policy.State())
		}
	})
	t.Run("and only that one", func(t *testing.T) {
		onSite(t, func(t *testing.T, s *site) {
			s.fake.Inject(prefactortest.On(reads).Hang(), slow(reads, time.Second).Always())
			policy := halfOpen(1)
			client := s.client(perAttempt(middleware.Breaker(policy)))
			ctx, cancel := canceledAfter(time.Second)(t.Context())
			defer cancel()
			_ = read(ctx, client)
			failed := inParallel(10, func(int) error { return read(t.Context(), client) })
			if len(failed) != 9 {
				t.Errorf("of 10 at once %d were refused, want 9", len(failed))
			}
			for _, err := range failed {
				if !strings.Contains(err.Error(), "trials are in progress") {
					t.Errorf("the refusal is %v, want one that mentions the trials", err)
				}
			}
		})
	})
}

func TestAFreedPermitIsForgottenWithItsState(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.On(reads).Hang(), slow(reads, time.Second).Always())
		policy := halfOpen(1)
		client := s.client(perAttempt(middleware.Breaker(policy)))
		ctx, cancel := canceledAfter(time.Second)(t.Context())
		defer cancel()
		_ = read(ctx, client)
		policy.Open()
		_ = read(t.Context(), client)
		policy.HalfOpen()
		if failed := inParallel(10, func(int) error { return read(t.Context(), client) }); len(failed) != 9 {
			t.Errorf("of 10 at once %d were refused, want 9", len(failed))
		}
	})
}

func TestBreakerCountsAttemptsInsideRetryAndCallsOutside(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		edit                func(...transport.Layer) func(transport.Stack) transport.Stack
		successes, failures uint
	}{
		"inside":  {perAttempt, 1, 2},
		"outside": {perCall, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(prefactortest.On(writes).Reply(503).Times(2))
				policy := tally()
				if err := write(t.Context(), s.retrying(row.edit(middleware.Breaker(policy)))); err != nil {
					t.Error(err)
				}
				checkTally(t, policy, row.successes, row.failures)
			})
		})
	}
}

func TestBreakerThatOpensDuringACallKeepsTheAttemptsBefore(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.On(writes).Reply(503).Times(2))
		policy := circuitbreaker.NewBuilder[any]().WithFailureThreshold(2).Build()
		err := write(t.Context(), s.retrying(perAttempt(middleware.Breaker(policy))))
		call, ok := errors.AsType[*errs.Error](err)
		if !ok || !errors.Is(err, circuitbreaker.ErrOpen) {
			t.Fatalf("the error is %v, want a refusal", err)
		}
		if len(call.Attempts) != 3 || call.Attempts[1].Status != 503 {
			t.Errorf("the attempts are %+v, want two of status 503 and one refused", call.Attempts)
		}
		if !errs.MaybeApplied(err) {
			t.Error("MaybeApplied is false, but a 503 may follow a commit")
		}
	})
}

func TestBreakerIsSharedByLayersAndOtherCode(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.On(reads).Reply(503))
		policy := circuitbreaker.NewBuilder[*http.Response]().WithFailureThreshold(2).Build()
		one, other := s.client(perAttempt(middleware.Breaker(policy))), s.client(perCall(middleware.Breaker(policy)))
		policy.RecordError(errors.New("other code failed"))
		_ = read(t.Context(), one)
		if err := read(t.Context(), other); !errors.Is(err, circuitbreaker.ErrOpen) {
			t.Errorf("the error is %v, want a refusal", err)
		}
		if policy.TryAcquirePermit() {
			t.Error("other code got a permit of an open breaker")
		}
	})
}

func TestBreakerIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.Storm(0.3)...)
		policy := circuitbreaker.NewBuilder[any]().WithFailureThresholdRatio(3, 10).WithDelay(time.Millisecond).WithSuccessThreshold(2).Build()
		client := s.retrying(perAttempt(middleware.Breaker(policy)))
		inParallel(100, func(i int) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
			defer cancel()
			return read(ctx, client)
		})
		s.fake.Heal()
		policy.HalfOpen()
		for range 3 {
			time.Sleep(time.Second)
			_ = read(t.Context(), client)
		}
		if !policy.IsClosed() {
			t.Errorf("after the storm the breaker is %s, want closed", policy.State())
		}
	})
}

func TestBreakerCountsAStreamByItsHeader(t *testing.T) {
	t.Parallel()
	policy := tally()
	rt := build(t, transport.NewStack(middleware.Breaker(policy)), baseFunc(func(*http.Request) (*http.Response, error) {
		return answerWith(200, "text/plain", io.NopCloser(strings.NewReader("a stream"))), nil
	}))
	resp := send(t, rt)
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "a stream" {
		t.Errorf("the body is %q, %v", text, err)
	}
	checkTally(t, policy, 1, 0)
}

func TestBreakerAllocations(t *testing.T) {
	if n := layerAllocations(t, perAttempt(middleware.Breaker(middleware.NewBreaker()))); n != 0 {
		t.Errorf("a success costs %v allocations with the layer, want 0", n)
	}
}
