package middleware

import (
	"context"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/budget"

	"github.com/prefactordev/prefactor-go/errs"
)

// RetryOption changes the retry layer.
type RetryOption func(*retry) error

// RetryBudget bounds the retries in progress to a share of all requests in
// progress, so that an outage isn't met with a multiple of the load. The budget
// is yours, made by failsafe-go's package budget, and may be shared with other
// code and with a hedge: budget.New() lets a fifth be retries, or three if that
// is more.
//
// The budget is asked before the wait. A retry holds its permit from then on
// until its attempt has ended, so those that wait count too. Where the budget is
// used up the call ends at once with its last failure, as an
// [errs.RetryExhaustedError] whose Reason is [errs.ReasonBudget]. The budget's
// OnBudgetExceeded is called then.
//
// It costs a success 1 allocation.
func RetryBudget(b budget.Budget) RetryOption {
	return func(r *retry) error {
		counted, ok := b.(countedBudget)
		if !ok {
			return &errs.ClientError{Field: "RetryBudget", Problem: "must be made by failsafe-go's package budget, such as budget.New()"}
		}
		r.budget = counted
		return nil
	}
}

// countedBudget is what failsafe's budgets are beyond their interface.
type countedBudget interface {
	budget.Budget
	RecordExecution()
	ReleaseExecution()
	TryAcquirePermit() bool
	ReleasePermit()
	OnBudgetExceeded(budget.ExecutionType, failsafe.ExecutionInfo)
}

// spending is what one request takes from a budget. A nil spending has no
// bounds.
type spending struct {
	budget   countedBudget
	ctx      context.Context
	began    time.Time
	attempts int
	retrying bool // a permit is held
}

var _ failsafe.ExecutionInfo = (*spending)(nil)

// spend enters a request into the budget b, which may be nil.
func spend(ctx context.Context, b countedBudget) *spending {
	if b == nil {
		return nil
	}
	b.RecordExecution()
	return &spending{budget: b, ctx: ctx, began: time.Now()}
}

// retry reports whether the budget has a permit for another attempt.
func (s *spending) retry() bool {
	if s == nil {
		return true
	}
	s.retrying = s.budget.TryAcquirePermit()
	if !s.retrying {
		s.budget.OnBudgetExceeded(budget.RetryExecution, s)
	}
	return s.retrying
}

// attempted notes the end of an attempt.
func (s *spending) attempted() {
	if s == nil {
		return
	}
	s.attempts++
	s.release()
}

// end takes the request out of the budget.
func (s *spending) end() {
	if s == nil {
		return
	}
	s.release()
	s.budget.ReleaseExecution()
}

func (s *spending) release() {
	if s.retrying {
		s.retrying = false
		s.budget.ReleasePermit()
	}
}

// What a budget's listener may ask.

func (s *spending) Context() context.Context   { return s.ctx }
func (s *spending) Attempts() int              { return s.attempts }
func (s *spending) Executions() int            { return s.attempts }
func (s *spending) Retries() int               { return max(0, s.attempts-1) }
func (s *spending) Hedges() int                { return 0 }
func (s *spending) StartTime() time.Time       { return s.began }
func (s *spending) ElapsedTime() time.Duration { return time.Since(s.began) }
