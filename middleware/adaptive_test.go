package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go/adaptivelimiter"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

var errLimit = errors.New("limit exceeded")

// limiter is like failsafe-go's adaptive limiter, but its limit is constant.
type limiter struct {
	limit int

	mu                            sync.Mutex
	inflight, records, drops, max int
}

type permit struct{ limiter *limiter }

func (l *limiter) AcquirePermitWithMaxWait(ctx context.Context, wait time.Duration) (*permit, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inflight < l.limit {
		l.inflight++
		l.max = max(l.max, l.inflight)
		return &permit{l}, nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil, errLimit
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *permit) Record() { p.release(&p.limiter.records) }
func (p *permit) Drop()   { p.release(&p.limiter.drops) }

func (p *permit) release(count *int) {
	p.limiter.mu.Lock()
	defer p.limiter.mu.Unlock()
	p.limiter.inflight--
	*count++
}

func (l *limiter) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%d inflight, %d recorded, %d dropped", l.inflight, l.records, l.drops)
}

func TestAdaptiveMeasuresSuccessesOnly(t *testing.T) {
	t.Parallel()
	const recorded, dropped = "0 inflight, 1 recorded, 0 dropped", "0 inflight, 0 recorded, 1 dropped"
	for name, row := range map[string]struct {
		fault prefactortest.Fault
		want  string
	}{
		"a success":         {slow(reads, time.Second), recorded},
		"an error":          {prefactortest.On(reads).Reply(404), dropped},
		"an overload":       {prefactortest.On(reads).Reply(503), dropped},
		"a reset":           {prefactortest.On(reads).ResetAfter(), dropped},
		"a cut body":        {prefactortest.On(reads).CutBody(10), dropped},
		"a broken envelope": {prefactortest.On(reads).Malformed(200), dropped},
		"a timeout":         {prefactortest.On(reads).Hang(), dropped},
	} {
		t.Run(name, func(t *testing.T) {
			for position, edit := range map[string]func(...transport.Layer) func(transport.Stack) transport.Stack{
				"once a call": perCall, "once an attempt": perAttempt, "next to the base": onWire,
			} {
				onSite(t, func(t *testing.T, s *site) {
					s.fake.Inject(row.fault)
					l := &limiter{limit: 1}
					_ = read(t.Context(), s.client(edit(middleware.Adaptive(l, 0))))
					if got := l.String(); got != row.want {
						t.Errorf("%s: %s, want %s", position, got, row.want)
					}
				})
			}
		})
	}
}

func TestAdaptiveDropsThePermitOfAPanicOrAStream(t *testing.T) {
	t.Parallel()
	t.Run("panic", func(t *testing.T) {
		l := &limiter{limit: 1}
		rt := build(t, transport.NewStack(middleware.Adaptive(l, 0)), baseFunc(func(*http.Request) (*http.Response, error) { panic("base") }))
		sendPanicking(t, rt, "base")
		if got, want := l.String(), "0 inflight, 0 recorded, 1 dropped"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
	t.Run("stream", func(t *testing.T) {
		l := &limiter{limit: 1}
		rt := build(t, transport.NewStack(middleware.Adaptive(l, 0)), baseFunc(func(*http.Request) (*http.Response, error) {
			return answerWith(200, "text/plain", io.NopCloser(strings.NewReader("a stream"))), nil
		}))
		resp := send(t, rt)
		if got, want := l.String(), "1 inflight, 0 recorded, 0 dropped"; got != want {
			t.Errorf("before the body is closed: %s, want %s", got, want)
		}
		for range 2 {
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
		}
		if got, want := l.String(), "0 inflight, 0 recorded, 1 dropped"; got != want {
			t.Errorf("after the body is closed: %s, want %s", got, want)
		}
	})
}

func TestAdaptiveLimiterIsSharedByLayers(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(slow(reads, time.Second).Always())
		l := &limiter{limit: 3}
		clients := []*transport.Client{
			s.client(perAttempt(middleware.Adaptive(l, 0))),
			s.client(perCall(middleware.Adaptive(l, 0))),
		}
		failed := inParallel(10, func(i int) error { return read(t.Context(), clients[i%2]) })
		if len(failed) != 7 || l.max != 3 {
			t.Errorf("%d refusals, %d in flight at most; want 7 and 3", len(failed), l.max)
		}
		for _, err := range failed {
			if !errors.Is(err, errLimit) {
				t.Errorf("the error is %v, want a refusal", err)
			}
		}
	})
}

func TestAdaptiveAllocations(t *testing.T) {
	// The one is the permit of this test's limiter.
	if n := layerAllocations(t, perAttempt(middleware.Adaptive(&limiter{limit: 1}, 0))); n != 1 {
		t.Errorf("a success costs %v allocations with the layer, want 1", n)
	}
}

func TestFailsafesAdaptiveLimiterRefusesAboveItsLimit(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.On(reads).Always().Delay(10 * time.Second))
		policy := middleware.NewAdaptiveLimiter()
		client := s.client(perAttempt(middleware.Adaptive(policy, time.Second)))
		failed := inParallel(30, func(int) error { return read(t.Context(), client) })
		if len(failed) != 10 {
			t.Errorf("%d of 30 requests were refused, want those beyond 20", len(failed))
		}
		for _, err := range failed {
			if !errors.Is(err, errs.ErrRejected) || !errors.Is(err, adaptivelimiter.ErrExceeded) {
				t.Errorf("got %v", err)
			}
		}
		if n := policy.Inflight(); n != 0 {
			t.Errorf("%d permits are out", n)
		}
	})
}
