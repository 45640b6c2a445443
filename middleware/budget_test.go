package middleware_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/hedgepolicy"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// budgeted returns the edit that gives retry a budget.
func budgeted(cfg middleware.Config, b budget.Budget) func(transport.Stack) transport.Stack {
	return func(s transport.Stack) transport.Stack {
		return s.Replace("retry", middleware.Retry(cfg.RetryPolicy, middleware.RetryBudget(b)))
	}
}

// oneRetry is a budget that allows one retry at a time.
func oneRetry() budget.Budget {
	return budget.NewBuilder().WithMaxRate(0).WithMinConcurrency(1).Build()
}

func TestRetryBudgetIsCheckedBeforeTheWait(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		fault prefactortest.Fault
		is    error
	}{
		"a response":  {prefactortest.On(writes).Reply(503).RetryAfter(10 * time.Second), nil},
		"no response": {prefactortest.On(writes).ResetBefore(), errs.ErrNetwork},
	} {
		t.Run(name, func(t *testing.T) {
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(row.fault)
				began := time.Now()
				err := write(t.Context(), s.retrying(budgeted(s.cfg, spent())))
				gaveUp, ok := errors.AsType[*errs.RetryExhaustedError](err)
				if !ok || gaveUp.Reason != errs.ReasonBudget || len(gaveUp.Attempts) != 1 || gaveUp.Attempts[0].Wait != 0 {
					t.Fatalf("the error is %v, want a RetryExhaustedError of the budget after one attempt", err)
				}
				if row.is != nil && !errors.Is(err, row.is) || row.is == nil && !errs.FromServer(err) {
					t.Errorf("%v doesn't hold the last failure", err)
				}
				if elapsed := time.Since(began); elapsed != 0 {
					t.Errorf("it took %s", elapsed)
				}
				checkNoToken(t, err)
			})
		})
	}
}

// spent is a budget whose only permit is taken.
func spent() budget.Budget {
	b := oneRetry()
	b.(interface{ TryAcquirePermit() bool }).TryAcquirePermit()
	return b
}

func TestRetryBudgetLeavesTheLastResponseReadable(t *testing.T) {
	t.Parallel()
	rt := build(t, transport.NewStack(middleware.Retry(middleware.DefaultRetryPolicy(), middleware.RetryBudget(spent()))),
		baseFunc(func(*http.Request) (*http.Response, error) {
			return answerWith(503, "text/plain", io.NopCloser(strings.NewReader("overloaded"))), nil
		}))
	resp := send(t, rt)
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "overloaded" || resp.StatusCode != 503 {
		t.Errorf("got %d %q, %v", resp.StatusCode, text, err)
	}
}

func TestRetryBudgetBoundsTheRetriesInProgress(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.On(reads).Reply(503).Always())
		client := s.retrying(budgeted(s.cfg, budget.New()))
		failed := inParallel(100, func(int) error { return read(t.Context(), client) })
		if len(failed) != 100 {
			t.Errorf("%d failed, want all of them", len(failed))
		}
		refused := 0
		for _, err := range failed {
			if gaveUp, ok := errors.AsType[*errs.RetryExhaustedError](err); ok && gaveUp.Reason == errs.ReasonBudget {
				refused++
			}
		}
		// Without a budget the server would see 400 requests.
		if n := len(s.fake.Journal()); n > 200 || refused < 70 {
			t.Errorf("the server saw %d requests, the budget refused %d", n, refused)
		}
	})
}

func TestRetryBudgetReleasesEveryPermit(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		faults []prefactortest.Fault
		ctx    func(context.Context) (context.Context, context.CancelFunc)
	}{
		"a success":                     {},
		"a retried success":             {faults: []prefactortest.Fault{prefactortest.On(reads).Reply(503).Times(2)}},
		"attempts used up":              {faults: []prefactortest.Fault{prefactortest.On(reads).Reply(503).Times(4)}},
		"a wait that is canceled":       {faults: []prefactortest.Fault{prefactortest.On(reads).Reply(503).RetryAfter(time.Minute)}, ctx: canceledAfter(time.Second)},
		"a retry that is canceled":      {faults: []prefactortest.Fault{prefactortest.On(reads).Reply(503), prefactortest.On(reads).Hang()}, ctx: canceledAfter(10 * time.Second)},
		"a wait too long for the limit": {faults: []prefactortest.Fault{prefactortest.On(reads).Reply(503).RetryAfter(time.Hour)}},
	} {
		t.Run(name, func(t *testing.T) {
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(row.faults...)
				ctx := t.Context()
				if row.ctx != nil {
					var cancel context.CancelFunc
					ctx, cancel = row.ctx(ctx)
					defer cancel()
				}
				b := oneRetry()
				_ = read(ctx, s.retrying(budgeted(s.cfg, b)))
				if b.Rate() != 0 || !unused(b) {
					t.Error("a permit is held")
				}
			})
		})
	}
}

// unused reports whether nothing is in progress in a budget with room for one
// retry: a new request is then all that is in progress.
func unused(b budget.Budget) bool {
	permits := b.(interface {
		TryAcquirePermit() bool
		ReleasePermit()
	})
	defer permits.ReleasePermit()
	return permits.TryAcquirePermit() && b.Rate() == 1
}

func TestRetryBudgetReleasesThePermitOfAPanic(t *testing.T) {
	t.Parallel()
	policy := middleware.DefaultRetryPolicy()
	policy.InitialRetryDelay = time.Nanosecond
	b, sends := oneRetry(), 0
	rt := build(t, transport.NewStack(middleware.Retry(policy, middleware.RetryBudget(b))), baseFunc(func(*http.Request) (*http.Response, error) {
		if sends++; sends == 2 {
			panic("base")
		}
		return answerWith(503, "text/plain", http.NoBody), nil
	}))
	sendPanicking(t, rt, "base")
	if !unused(b) {
		t.Error("a permit is held")
	}
}

func TestRetryBudgetCallsItsListener(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.On(reads).Reply(503).Delay(time.Second).Times(2))
		var events []budget.ExceededEvent
		b := budget.NewBuilder().WithMaxRate(0).WithMinConcurrency(1).OnBudgetExceeded(func(e budget.ExceededEvent) { events = append(events, e) }).Build()
		client := s.retrying(budgeted(s.cfg, b))
		inParallel(2, func(int) error { return read(t.Context(), client) })
		if len(events) != 1 {
			t.Fatalf("the listener was called %d times, want once", len(events))
		}
		e := events[0]
		if e.ExecutionType != budget.RetryExecution || e.Attempts() != 1 || e.Executions() != 1 || e.Retries() != 0 || e.Hedges() != 0 {
			t.Errorf("the event is of %s, attempt %d", e.ExecutionType, e.Attempts())
		}
		if transport.CallFrom(e.Context()) == nil || e.StartTime().IsZero() || e.ElapsedTime() < time.Second {
			t.Errorf("the event is incomplete: started %s, %s ago", e.StartTime(), e.ElapsedTime())
		}
	})
}

func TestABudgetIsSharedByRetryAndHedge(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.On(reads).Delay(time.Hour), prefactortest.On(writes).Reply(503))
		b := oneRetry()
		policy := hedgepolicy.NewBuilderWithDelay[*http.Response](time.Second).WithBudget(b).Build()
		hedging := s.client(perAttempt(middleware.Hedge(policy)))
		s.fake.Inject(prefactortest.On(reads).Delay(10 * time.Second))
		retrying := s.retrying(budgeted(s.cfg, b))
		failed := inParallel(2, func(i int) error {
			if i == 0 {
				return read(t.Context(), hedging)
			}
			time.Sleep(5 * time.Second) // the hedge is in progress
			return write(t.Context(), retrying)
		})
		if len(failed) != 1 {
			t.Fatalf("%d failed, want the write alone", len(failed))
		}
		if gaveUp, ok := errors.AsType[*errs.RetryExhaustedError](failed[0]); !ok || gaveUp.Reason != errs.ReasonBudget {
			t.Errorf("the error is %v, want one of the budget", failed[0])
		}
	})
}

func TestRetryBudgetIsShownInAPrintedStack(t *testing.T) {
	t.Parallel()
	stack := transport.NewStack(middleware.Retry(middleware.DefaultRetryPolicy(), middleware.RetryBudget(budget.New())))
	if want := "3 retries, 1s to 1m0s, budgeted"; !strings.Contains(stack.String(), want) {
		t.Errorf("%q is not in\n%s", want, stack)
	}
}

func TestRetryBudgetAllocations(t *testing.T) {
	cfg := middleware.NewConfig("https://prefactor.test", prefactortest.Token)
	if n := layerAllocations(t, budgeted(cfg, budget.New())); n != 1 {
		t.Errorf("a success costs %v allocations with the budget, want 1", n)
	}
}
