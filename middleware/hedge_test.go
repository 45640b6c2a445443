package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/hedgepolicy"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

// hedge returns the edit that puts a hedge after 100 ms at a position.
func hedge() transport.Layer { return middleware.Hedge(middleware.NewHedge(100 * time.Millisecond)) }

// aroundRetry lists the positions that a hedge can have.
var aroundRetry = map[string]func(...transport.Layer) func(transport.Stack) transport.Stack{
	"outside retry": perCall, "inside retry": perAttempt, "next to the base": onWire,
}

func TestFaultTableHoldsWithAHedge(t *testing.T) {
	for position, edit := range aroundRetry {
		t.Run(position, func(t *testing.T) {
			edited(t, edit(hedge()), conformance.Hedged())
		})
	}
}

func TestHedgeRacesASlowRequest(t *testing.T) {
	t.Parallel()
	for position, edit := range aroundRetry {
		t.Run(position, func(t *testing.T) {
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(prefactortest.On(writes).Hang())
				began := time.Now()
				if err := write(t.Context(), s.retrying(edit(hedge()))); err != nil {
					t.Error(err)
				}
				if elapsed := time.Since(began); elapsed != 100*time.Millisecond {
					t.Errorf("it took %s, want 100ms", elapsed)
				}
				journal := s.fake.Journal()
				if len(journal) != 2 || journal[0].Key == "" || journal[0].Key != journal[1].Key {
					t.Errorf("the server saw %v, want two requests with one key", journal)
				}
			})
		})
	}
}

func TestHedgeReturnsTheFirstSuccessOrTheLastFailure(t *testing.T) {
	t.Parallel()
	on := func() prefactortest.Fault { return prefactortest.On(reads) }
	for name, row := range map[string]struct {
		faults  []prefactortest.Fault
		status  int // of the error; 0 for a success
		elapsed time.Duration
		sends   int
	}{
		"a quick success isn't raced":           {[]prefactortest.Fault{on().Delay(99 * time.Millisecond)}, 0, 99 * time.Millisecond, 1},
		"a quick failure isn't raced":           {[]prefactortest.Fault{on().Reply(503).Delay(99 * time.Millisecond)}, 503, 99 * time.Millisecond, 1},
		"the first wins":                        {[]prefactortest.Fault{on().Delay(150 * time.Millisecond), on().Delay(time.Hour)}, 0, 150 * time.Millisecond, 2},
		"the second wins":                       {[]prefactortest.Fault{on().Delay(time.Hour), on().Delay(50 * time.Millisecond)}, 0, 150 * time.Millisecond, 2},
		"a failure waits for the other":         {[]prefactortest.Fault{on().Reply(503).Delay(150 * time.Millisecond), on().Delay(time.Second)}, 0, 1100 * time.Millisecond, 2},
		"a failure of the second waits too":     {[]prefactortest.Fault{on().Delay(time.Second), on().Reply(409)}, 0, time.Second, 2},
		"a cut body is no success":              {[]prefactortest.Fault{on().Delay(150 * time.Millisecond).CutBody(10), on().Delay(time.Second)}, 0, 1100 * time.Millisecond, 2},
		"two failures: the last":                {[]prefactortest.Fault{on().Reply(500).Delay(150 * time.Millisecond), on().Reply(404).Delay(time.Second)}, 404, 1100 * time.Millisecond, 2},
		"two failures: the last, whoever it is": {[]prefactortest.Fault{on().Reply(500).Delay(time.Second), on().Reply(404)}, 500, time.Second, 2},
	} {
		t.Run(name, func(t *testing.T) {
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(row.faults...)
				began := time.Now()
				err := read(t.Context(), s.client(perAttempt(hedge())))
				api, failed := errors.AsType[*errs.APIError](err)
				if (err != nil) != (row.status != 0) || failed && api.Status != row.status {
					t.Errorf("it ended in %v, want status %d", err, row.status)
				}
				if elapsed := time.Since(began); elapsed != row.elapsed {
					t.Errorf("it took %s, want %s", elapsed, row.elapsed)
				}
				if n := len(s.fake.Journal()); n != row.sends {
					t.Errorf("the server saw %d requests, want %d", n, row.sends)
				}
				checkNoToken(t, err)
			})
		})
	}
}

func TestHedgeRacesOnlyRequestsThatCanBeSentTwice(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		method string
		key    string
		body   io.Reader
		raced  bool
	}{
		"GET":                       {http.MethodGet, "", nil, true},
		"POST without a key":        {http.MethodPost, "", strings.NewReader("{}"), false},
		"POST with a key":           {http.MethodPost, "k", strings.NewReader("{}"), true},
		"POST without GetBody":      {http.MethodPost, "k", io.MultiReader(strings.NewReader("{}")), false},
		"DELETE with a key":         {http.MethodDelete, "k", nil, true},
		"PUT without a key or body": {http.MethodPut, "", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer time.Sleep(time.Minute) // the loser sleeps, whatever its context says
				var sends atomic.Int32
				rt := build(t, transport.NewStack(hedge()), baseFunc(func(req *http.Request) (*http.Response, error) {
					sends.Add(1)
					if req.Body != nil { // an empty one where HTTP/2 must not repeat the request
						if text, err := io.ReadAll(req.Body); err != nil || string(text) != "{}" && row.body != nil || len(text) > 0 && row.body == nil {
							t.Errorf("the body is %q, %v", text, err)
						}
					}
					time.Sleep(time.Second)
					return succeeding(req)
				}))
				req, err := http.NewRequest(row.method, "https://prefactor.test", row.body)
				if err != nil {
					t.Fatal(err)
				}
				if row.key != "" {
					req.Header.Set(transport.KeyHeader, row.key)
				}
				resp, err := rt.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				if raced := sends.Load() == 2; raced != row.raced {
					t.Errorf("it was raced: %t, want %t", raced, row.raced)
				}
			})
		})
	}
}

func TestHedgeKeepsTheWinnersContextUntilItsBodyIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var contexts []context.Context
		var bodies []*tracked
		rt := build(t, transport.NewStack(hedge()), baseFunc(func(req *http.Request) (*http.Response, error) {
			body := &tracked{Reader: strings.NewReader("a stream")}
			mu.Lock()
			contexts, bodies = append(contexts, req.Context()), append(bodies, body)
			mu.Unlock()
			time.Sleep(150 * time.Millisecond) // the second comes 100 ms after the first
			return answerWith(200, "text/plain", body), nil
		}))
		resp := send(t, rt)
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		if err := contexts[0].Err(); err != nil {
			t.Errorf("the winner's context ended before its body was closed: %v", err)
		}
		if contexts[1].Err() == nil || !bodies[1].closed.Load() {
			t.Error("the loser's context or body is open")
		}
		if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "a stream" {
			t.Errorf("the body is %q, %v", text, err)
		}
		_ = resp.Body.Close()
		if contexts[0].Err() == nil || !bodies[0].closed.Load() {
			t.Error("the winner's context or body is open")
		}
	})
}

func TestHedgeEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	for position, edit := range aroundRetry {
		t.Run(position, func(t *testing.T) {
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(prefactortest.On(writes).Hang().Times(2))
				ctx, cancel := canceledAfter(time.Second)(t.Context())
				defer cancel()
				began := time.Now()
				err := write(ctx, s.retrying(edit(hedge())))
				if !errors.Is(err, errs.ErrCanceled) || !errs.MaybeApplied(err) {
					t.Errorf("the error is %v, want a CanceledError of a call that may have been applied", err)
				}
				if elapsed := time.Since(began); elapsed != time.Second {
					t.Errorf("it took %s, want 1s", elapsed)
				}
			})
		})
	}
}

func TestHedgePanicsInPlaceOfALayerInside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sends atomic.Int32
		ended := make(chan struct{})
		rt := build(t, transport.NewStack(hedge()), baseFunc(func(req *http.Request) (*http.Response, error) {
			if sends.Add(1) == 1 {
				<-req.Context().Done()
				close(ended)
				return nil, req.Context().Err()
			}
			panic(http.ErrAbortHandler)
		}))
		sendPanicking(t, rt, http.ErrAbortHandler)
		<-ended // the other was canceled
	})
}

func TestHedgeCancelsItsRunnersIfItsPolicyPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		policy := hedgepolicy.NewBuilderWithDelay[*http.Response](time.Second).
			OnHedge(func(failsafe.ExecutionEvent[*http.Response]) { panic("listener") }).Build()
		body := &tracked{Reader: strings.NewReader("late")}
		rt := build(t, transport.NewStack(middleware.Hedge(policy)), baseFunc(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return answerWith(200, "text/plain", body), nil
		}))
		sendPanicking(t, rt, "listener")
		synctest.Wait()
		if !body.closed.Load() {
			t.Error("the loser's body is open")
		}
	})
}

func TestHedgeIsLimitedByItsBudget(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(slow(reads, time.Second).Always())
		client := s.client(perAttempt(hedge()))
		if failed := inParallel(20, func(int) error { return read(t.Context(), client) }); len(failed) != 0 {
			t.Errorf("%d failed, the first with %v", len(failed), failed[0])
		}
		// A fifth of all requests in progress: 6 of 26 is the first share above it.
		if n := len(s.fake.Journal()); n != 26 {
			t.Errorf("the server saw %d requests, want 20 and 6 hedges", n)
		}
	})
}

func TestHedgePolicyIsSharedByLayersAndOtherCode(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(slow(reads, time.Second).Always())
		shared := budget.NewBuilder().WithMinConcurrency(1).WithMaxRate(0).Build()
		policy := hedgepolicy.NewBuilderWithDelay[*http.Response](100 * time.Millisecond).WithBudget(shared).Build()
		clients := []*transport.Client{
			s.client(perAttempt(middleware.Hedge(policy))),
			s.client(perCall(middleware.Hedge(policy))),
		}
		inParallel(10, func(i int) error {
			if i > 0 {
				return read(t.Context(), clients[i%2])
			}
			_, err := failsafe.With(policy).Get(func() (*http.Response, error) { time.Sleep(time.Second); return nil, nil })
			return err
		})
		if n := len(s.fake.Journal()); n > 10 {
			t.Errorf("the server saw %d requests, want 9 and at most one hedge", n)
		}
		time.Sleep(time.Minute) // failsafe's own loser still sleeps
	})
}

func TestHedgeEndsWithTheFirstSuccessForAnyCancelOn(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(slow(reads, 250*time.Millisecond), slow(reads, time.Hour), slow(reads, time.Hour))
		policy := hedgepolicy.NewBuilderWithDelay[*http.Response](100 * time.Millisecond).WithMaxHedges(5).
			CancelIf(func(*http.Response, error) bool { return false }).Build()
		began := time.Now()
		if err := read(t.Context(), s.client(perAttempt(middleware.Hedge(policy)))); err != nil {
			t.Error(err)
		}
		if n := len(s.fake.Journal()); n != 3 {
			t.Errorf("the server saw %d requests, want 3", n)
		}
		if elapsed := time.Since(began); elapsed > time.Second {
			t.Errorf("it took %s: it waited for the losers", elapsed)
		}
	})
}

func TestABreakerInsideAHedgeDoesNotCountLosers(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.On(reads).Hang())
		policy := tally()
		if err := read(t.Context(), s.client(perAttempt(hedge(), middleware.Breaker(policy)))); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		checkTally(t, policy, 1, 0)
	})
}

func TestARefusedHedgeLeavesTheFirstRequestRunning(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(slow(reads, time.Second))
		if err := read(t.Context(), s.client(perAttempt(hedge(), middleware.Bulkhead(middleware.NewBulkhead(1), 0)))); err != nil {
			t.Error(err)
		}
	})
}

func TestHedgeRefusesIfItsPolicyAllowsNoRequest(t *testing.T) {
	t.Parallel()
	open := circuitbreaker.NewWithDefaults[*http.Response]()
	open.Open()
	body := &tracked{Reader: strings.NewReader("{}")}
	req, err := http.NewRequest(http.MethodPost, "https://prefactor.test", body)
	if err != nil {
		t.Fatal(err)
	}
	req.GetBody = func() (io.ReadCloser, error) { return body, nil }
	req.Header.Set(transport.KeyHeader, "k")
	_, err = build(t, transport.NewStack(middleware.Hedge(open)), succeeding).RoundTrip(req)
	if !errors.Is(err, errs.ErrRejected) || !errors.Is(err, circuitbreaker.ErrOpen) || !body.closed.Load() {
		t.Errorf("the error is %v, the body closed: %t; want a refusal and a closed body", err, body.closed.Load())
	}
}

func TestHedgeIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	for position, edit := range aroundRetry {
		t.Run(position, func(t *testing.T) {
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(prefactortest.Storm(0.3)...)
				policy := hedgepolicy.NewBuilderWithDelay[*http.Response](time.Millisecond).WithMaxHedges(3).Build()
				client := s.retrying(edit(middleware.Hedge(policy)))
				failed := inParallel(100, func(i int) error {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
					defer cancel()
					_, err := client.Do(ctx, transport.Request{Method: http.MethodPost, Path: "/agent",
						Body: map[string]any{"details": map[string]any{"name": fmt.Sprint("crawler ", i)}}})
					return err
				})
				keys := make(map[string]string)
				for _, x := range s.fake.Journal() {
					if body := string(x.Body); keys[body] != "" && keys[body] != x.Key {
						t.Errorf("one call had two keys: %s and %s", keys[body], x.Key)
					} else {
						keys[body] = x.Key
					}
				}
				for _, err := range failed {
					checkNoToken(t, err)
				}
			})
		})
	}
}

func TestHedgeAllocations(t *testing.T) {
	if n := layerAllocations(t, perAttempt(middleware.Hedge(middleware.NewHedge(time.Hour)))); n != 39 {
		t.Errorf("a success costs %v allocations with the layer, want 39", n)
	}
}
