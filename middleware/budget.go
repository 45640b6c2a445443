package middleware

import (
	"context"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/budget"

	"github.com/prefactordev/prefactor-go/errs"
)

// RetryOption configures the retry layer.
type RetryOption func(*retry) error

// RetryBudget limits the retries in progress to a share of all requests in
// progress, so that an outage doesn't multiply the load. You own the budget,
// made by failsafe-go's package budget, and may share it with other code and
// with a hedge. budget.New() allows a fifth to be retries, or three if that is
// more.
//
// A retry takes a permit before its wait and holds it until its attempt has
// ended, so retries that wait count too. If there is no permit, the call ends
// at once with its last failure, as an [errs.RetryExhaustedError] whose Reason
// is [errs.ReasonBudget], and the budget's OnBudgetExceeded is called.
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

// countedBudget is the interface of failsafe's executors to its budgets.
type countedBudget interface {
	budget.Budget
	RecordExecution()
	ReleaseExecution()
	TryAcquirePermit() bool
	ReleasePermit()
	OnBudgetExceeded(budget.ExecutionType, failsafe.ExecutionInfo)
}

// spending is what one request takes from a budget. A nil spending has no
// limit.
type spending struct {
	budget   countedBudget
	ctx      context.Context
	began    time.Time
	attempts int
	retrying bool // a permit is held
}

var _ failsafe.ExecutionInfo = (*spending)(nil)

// spend counts a request in the budget b, which may be nil.
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

// attempted counts an attempt that has ended.
func (s *spending) attempted() {
	if s == nil {
		return
	}
	s.attempts++
	s.release()
}

// end removes the request from the budget.
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

// The methods of failsafe.ExecutionInfo, for the budget's listener.

func (s *spending) Context() context.Context   { return s.ctx }
func (s *spending) Attempts() int              { return s.attempts }
func (s *spending) Executions() int            { return s.attempts }
func (s *spending) Retries() int               { return max(0, s.attempts-1) }
func (s *spending) Hedges() int                { return 0 }
func (s *spending) StartTime() time.Time       { return s.began }
func (s *spending) ElapsedTime() time.Duration { return time.Since(s.began) }
