package middleware_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go/bulkhead"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestBulkheadLimitsRequestsInProgress(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(slow(reads, time.Second).Always())
		var now, most atomic.Int32
		gauge := transport.NewLayerFunc("gauge", transport.Anywhere, func(req *http.Request, next transport.Next) (*http.Response, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			return next(req)
		})
		client := s.client(perAttempt(middleware.Bulkhead(middleware.NewBulkhead(3), time.Minute), gauge))
		began := time.Now()
		if failed := inParallel(30, func(int) error { return read(t.Context(), client) }); len(failed) != 0 {
			t.Errorf("%d failed, the first with %v", len(failed), failed[0])
		}
		if most.Load() != 3 || time.Since(began) != 10*time.Second {
			t.Errorf("%d at a time in %s, want 3 in 10s", most.Load(), time.Since(began))
		}
	})
}

func TestBulkheadWaitsUpToItsWait(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(slow(reads, time.Hour).Optional())
		policy := middleware.NewBulkhead(1)
		policy.TryAcquirePermit()
		began := time.Now()
		err := read(t.Context(), s.retrying(perAttempt(middleware.Bulkhead(policy, time.Second))))
		if !errors.Is(err, bulkhead.ErrFull) || time.Since(began) != time.Second {
			t.Errorf("after %s: %v; want a refusal after 1s", time.Since(began), err)
		}
	})
}

func TestBulkheadReleasesEveryPermit(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]prefactortest.Fault{
		"a success":          slow(reads, time.Second),
		"an error":           prefactortest.On(reads).Reply(503),
		"a reset":            prefactortest.On(reads).ResetAfter(),
		"a cut body":         prefactortest.On(reads).CutBody(10),
		"a timeout":          prefactortest.On(reads).Hang(),
		"a body that stalls": prefactortest.On(reads).Stall(time.Hour),
	} {
		for position, edit := range map[string]func(...transport.Layer) func(transport.Stack) transport.Stack{
			"once a call": perCall, "once an attempt": perAttempt, "next to the base": onWire,
		} {
			t.Run(name+" "+position, func(t *testing.T) {
				onSite(t, func(t *testing.T, s *site) {
					s.fake.Inject(fault)
					policy := middleware.NewBulkhead(1)
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					_ = read(ctx, s.client(edit(middleware.Bulkhead(policy, 0))))
					if !policy.TryAcquirePermit() {
						t.Error("the permit is held")
					}
				})
			})
		}
	}
}

func TestBulkheadHoldsAPermitUntilTheBodyIsClosed(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		base func() *http.Response
		held bool
	}{
		"a stream": {func() *http.Response {
			return answerWith(200, "text/plain", io.NopCloser(strings.NewReader("a stream")))
		}, true},
		"JSON that was not read": {func() *http.Response {
			return answerWith(200, "application/json", io.NopCloser(strings.NewReader("{}")))
		}, true},
		"no body":     {func() *http.Response { return answerWith(204, "", http.NoBody) }, false},
		"no body set": {func() *http.Response { return answerWith(204, "", nil) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			policy := middleware.NewBulkhead(1)
			rt := build(t, transport.NewStack(middleware.Bulkhead(policy, 0)),
				baseFunc(func(*http.Request) (*http.Response, error) { return row.base(), nil }))
			resp := send(t, rt)
			if held := !policy.TryAcquirePermit(); held != row.held {
				t.Errorf("the permit is held: %t, want %t", held, row.held)
			} else if !held {
				policy.ReleasePermit()
			}
			if _, err := io.ReadAll(resp.Body); err != nil {
				t.Error(err)
			}
			for range 2 {
				if err := resp.Body.Close(); err != nil {
					t.Error(err)
				}
			}
			if !policy.TryAcquirePermit() {
				t.Error("the permit is held after the body is closed")
			}
		})
	}
}

func TestBulkheadKeepsAProtocolSwitchWritable(t *testing.T) {
	t.Parallel()
	rt := build(t, transport.NewStack(middleware.Bulkhead(middleware.NewBulkhead(1), 0)), baseFunc(func(*http.Request) (*http.Response, error) {
		near, far := io.Pipe()
		return answerWith(101, "", struct {
			io.ReadCloser
			io.Writer
		}{near, far}), nil
	}))
	body := send(t, rt).Body
	w, ok := body.(io.Writer)
	if !ok {
		t.Fatal("the body is not an io.Writer")
	}
	go func() { _, _ = w.Write([]byte("hello")) }()
	text := make([]byte, 5)
	if _, err := io.ReadFull(body, text); err != nil || string(text) != "hello" {
		t.Errorf("read %q, %v", text, err)
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
}

func TestBulkheadReleasesThePermitOfAPanic(t *testing.T) {
	t.Parallel()
	policy := middleware.NewBulkhead(1)
	rt := build(t, transport.NewStack(middleware.Bulkhead(policy, 0)), baseFunc(func(*http.Request) (*http.Response, error) { panic("base") }))
	sendPanicking(t, rt, "base")
	if !policy.TryAcquirePermit() {
		t.Error("the permit is held")
	}
}

func TestBulkheadHoldsAnAttemptInsideRetryAndACallOutside(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		edit func(...transport.Layer) func(transport.Stack) transport.Stack
		held bool
	}{
		"inside":  {perAttempt, false},
		"outside": {perCall, true},
	} {
		t.Run(name, func(t *testing.T) {
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(prefactortest.On(reads).Reply(503).RetryAfter(10 * time.Second))
				policy := middleware.NewBulkhead(1)
				var held atomic.Bool
				time.AfterFunc(5*time.Second, func() { // in the wait
					if policy.TryAcquirePermit() {
						policy.ReleasePermit()
					} else {
						held.Store(true)
					}
				})
				if err := read(t.Context(), s.retrying(row.edit(middleware.Bulkhead(policy, 0)))); err != nil {
					t.Error(err)
				}
				if held.Load() != row.held {
					t.Errorf("the permit is held in the wait: %t, want %t", held.Load(), row.held)
				}
			})
		})
	}
}

func TestBulkheadIsSharedByLayersAndOtherCode(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(slow(reads, time.Second).Always())
		policy := bulkhead.New[string](4)
		policy.TryAcquirePermit() // by other code
		clients := []*transport.Client{
			s.client(perAttempt(middleware.Bulkhead(policy, 0))),
			s.client(perCall(middleware.Bulkhead(policy, 0))),
		}
		failed := inParallel(10, func(i int) error { return read(t.Context(), clients[i%2]) })
		if len(failed) != 7 {
			t.Errorf("%d refusals, want 7", len(failed))
		}
	})
}

func TestBulkheadIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.Storm(0.3)...)
		policy := middleware.NewBulkhead(5)
		client := s.retrying(perAttempt(middleware.Bulkhead(policy, time.Second)))
		inParallel(100, func(i int) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
			defer cancel()
			return read(ctx, client)
		})
		for i := range 5 {
			if !policy.TryAcquirePermit() {
				t.Errorf("only %d permits came back", i)
			}
		}
	})
}

func TestBulkheadAllocations(t *testing.T) {
	for name, row := range map[string]struct {
		edit func(...transport.Layer) func(transport.Stack) transport.Stack
		want float64
	}{
		"outside envelope": {perAttempt, 0},
		"inside envelope":  {onWire, 2},
	} {
		if n := layerAllocations(t, row.edit(middleware.Bulkhead(middleware.NewBulkhead(1), 0))); n != row.want {
			t.Errorf("%s a success costs %v allocations with the layer, want %v", name, n, row.want)
		}
	}
}
