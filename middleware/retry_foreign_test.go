package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/prefactortest"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

// naiveRetry is a retry like those of other packages: it repeats statuses and
// any error, buffers the body, drains what it repeats, and knows no keys.
type naiveRetry struct {
	policy middleware.RetryPolicy
	send   func(*http.Request) (*http.Response, error)
	ownEnd bool // it gives up with an error of its own, and not with the last response
}

var errForeignGaveUp = errors.New("the foreign retry gave up")

func (f *naiveRetry) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		_ = req.Body.Close()
	}
	wait := f.policy.InitialRetryDelay
	for attempt := 0; ; attempt++ {
		sent := req.Clone(req.Context())
		if req.Body != nil {
			sent.Body = io.NopCloser(strings.NewReader(string(body)))
		}
		resp, err := f.send(sent)
		if err == nil && !slices.Contains(f.policy.RetryOnStatusCodes, resp.StatusCode) {
			return resp, nil
		}
		if attempt == f.policy.MaxRetries && !f.ownEnd {
			return resp, err
		}
		if resp != nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		if attempt == f.policy.MaxRetries {
			return nil, errors.Join(errForeignGaveUp, err)
		}
		select {
		case <-time.After(wait):
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
		wait = time.Duration(float64(wait) * f.policy.RetryMultiplier)
	}
}

// foreignRetries are the shapes that such retries have.
var foreignRetries = map[string]func(middleware.RetryPolicy) transport.Layer{
	"over a round tripper": func(policy middleware.RetryPolicy) transport.Layer {
		return middleware.ForeignRetry(func(next http.RoundTripper) http.RoundTripper {
			return &naiveRetry{policy: policy, send: next.RoundTrip}
		})
	},
	"over an http.Client": func(policy middleware.RetryPolicy) transport.Layer {
		return middleware.ForeignRetry(func(next http.RoundTripper) http.RoundTripper {
			return &naiveRetry{policy: policy, send: (&http.Client{Transport: next}).Do, ownEnd: true}
		})
	},
	"that wraps bodies": func(policy middleware.RetryPolicy) transport.Layer {
		return middleware.ForeignRetry(func(next http.RoundTripper) http.RoundTripper {
			return &naiveRetry{policy: policy, send: wrappingBodies(next), ownEnd: true}
		})
	},
}

// wrappingBodies sends to next, and puts a body of its own into each response, as
// an http.Client with a Timeout does.
func wrappingBodies(next http.RoundTripper) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil && resp.StatusCode != http.StatusSwitchingProtocols {
			resp.Body = struct{ io.ReadCloser }{resp.Body}
		}
		return resp, err
	}
}

// onEachRetry runs a test with the layer Retry, and with foreign ones in its place.
func onEachRetry(t *testing.T, name string, test func(t *testing.T, retry func(middleware.RetryPolicy) transport.Layer)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		test(t, func(policy middleware.RetryPolicy) transport.Layer { return middleware.Retry(policy) })
	})
	for shape, retry := range foreignRetries {
		t.Run(name+", foreign, "+shape, func(t *testing.T) {
			t.Parallel()
			test(t, retry)
		})
	}
}

func TestAForeignRetryFollowsTheRules(t *testing.T) {
	t.Parallel()
	for shape, retry := range foreignRetries {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			conformance.TestLayer(t, retry(middleware.DefaultRetryPolicy()))
		})
	}
}

func TestAForeignRetryIsMadeWhole(t *testing.T) {
	t.Parallel()
	fault := prefactortest.On(writes)
	errStop := errors.New("stop")
	const unsafe = "not repeated: the server may have acted on it, and it has no idempotency key"
	exhausted := []string{"retried", "retried", "retried", string(errs.ReasonAttempts)}
	type faults = []prefactortest.Fault
	for _, tt := range []struct {
		name     string
		faults   faults
		noKey    bool
		deadline time.Duration // of the caller; 0 for none
		cancel   time.Duration // when the caller cancels; 0 for never

		requests int // that the server gets; 1 by default
		elapsed  time.Duration
		is       []error  // what the error matches; none for a success
		not      []error  // what it doesn't match
		reasons  []string // of its attempts
		applied  bool     // it may have been
	}{
		{name: "a success"},
		{name: "503, then a success", faults: faults{fault.Reply(503)}, requests: 2, elapsed: time.Second},
		{name: "a cut body, then a success", faults: faults{fault.CutBody(5)}, requests: 2, elapsed: time.Second},
		{name: "a cut body of a 404, then a success", faults: faults{fault.Reply(404).CutBody(5)}, requests: 2, elapsed: time.Second},
		{name: "a reset, then a success", faults: faults{fault.ResetAfter()}, requests: 2, elapsed: time.Second},
		{name: "503 always", faults: faults{fault.Always().Reply(503)},
			requests: 4, elapsed: 7 * time.Second, is: []error{errs.ErrExhausted}, reasons: exhausted, applied: true},
		{name: "bodies always cut", faults: faults{fault.Always().CutBody(5)},
			requests: 4, elapsed: 7 * time.Second, is: []error{errs.ErrExhausted, errs.ErrNetwork}, reasons: exhausted, applied: true},
		{name: "resets always", faults: faults{fault.Always().ResetBefore()},
			requests: 4, elapsed: 7 * time.Second, is: []error{errs.ErrExhausted, errs.ErrNetwork}, reasons: exhausted, applied: true},
		{name: "429 always", faults: faults{fault.Always().Reply(429)},
			requests: 4, elapsed: 7 * time.Second, is: []error{errs.ErrExhausted, errs.ErrRateLimited}, reasons: exhausted},
		{name: "503, then 422", faults: faults{fault.Reply(503), fault.Nth(2).Reply(422)},
			requests: 2, elapsed: time.Second, is: []error{errs.ErrValidation}, not: []error{errs.ErrExhausted}, reasons: []string{"retried", "final"}, applied: true},
		{name: "422", faults: faults{fault.Reply(422)},
			is: []error{errs.ErrValidation}, not: []error{errs.ErrExhausted}, reasons: []string{"final"}},
		{name: "broken JSON", faults: faults{fault.Malformed(200)},
			is: []error{errs.ErrContract}, not: []error{errs.ErrExhausted}, reasons: []string{"final"}, applied: true},
		{name: "too large", faults: faults{fault.Oversized(40 << 20)},
			is: []error{errs.ErrTooLarge}, not: []error{errs.ErrExhausted}, reasons: []string{"final"}, applied: true},
		{name: "too large under 503", faults: faults{fault.Reply(503).Body(`{"filler":"` + strings.Repeat("x", 33<<20) + `"}`)},
			is: []error{errs.ErrTooLarge}, not: []error{errs.ErrExhausted}, reasons: []string{"final"}, applied: true},
		{name: "a redirect", faults: faults{fault.Redirect(307, "http://elsewhere.test/")},
			is: []error{errs.ErrContract}, not: []error{errs.ErrExhausted}, reasons: []string{"final"}, applied: true},
		{name: "without a key, 503", noKey: true, faults: faults{fault.Reply(503)},
			not: []error{errs.ErrExhausted}, reasons: []string{unsafe}, applied: true},
		{name: "without a key, a cut body", noKey: true, faults: faults{fault.CutBody(5)},
			is: []error{errs.ErrNetwork}, not: []error{errs.ErrExhausted}, reasons: []string{unsafe}, applied: true},
		{name: "without a key, a reset", noKey: true, faults: faults{fault.ResetAfter()},
			is: []error{errs.ErrNetwork}, not: []error{errs.ErrExhausted}, reasons: []string{unsafe}, applied: true},
		{name: "without a key, 429", noKey: true, faults: faults{fault.Reply(429)}, requests: 2, elapsed: time.Second},
		{name: "without a key, 422", noKey: true, faults: faults{fault.Reply(422)}, is: []error{errs.ErrValidation}, reasons: []string{"final"}},
		{name: "a Retry-After of 7s", faults: faults{fault.Reply(429).RetryAfter(7 * time.Second)}, requests: 2, elapsed: 7 * time.Second},
		{name: "a Retry-After of 7s and a cut body", faults: faults{fault.Reply(503).RetryAfter(7 * time.Second).CutBody(5)}, requests: 2, elapsed: 7 * time.Second},
		{name: "a Retry-After of an hour", faults: faults{fault.Reply(429).RetryAfter(time.Hour)},
			is: []error{errs.ErrExhausted, errs.ErrRateLimited}, reasons: []string{string(errs.ReasonRetryAfter)}},
		{name: "a Retry-After beyond the deadline", faults: faults{fault.Reply(429).RetryAfter(7 * time.Second)}, deadline: 3 * time.Second,
			is: []error{errs.ErrExhausted, errs.ErrRateLimited}, not: []error{context.DeadlineExceeded}, reasons: []string{string(errs.ReasonDeadline)}},
		{name: "a backoff beyond the deadline", faults: faults{fault.Reply(503)}, deadline: time.Second / 2,
			elapsed: time.Second / 2, is: []error{errs.ErrCanceled, context.DeadlineExceeded, errUnavailable}, reasons: []string{"the caller canceled"}, applied: true},
		{name: "canceled in a wait", faults: faults{fault.Reply(503)}, cancel: time.Second / 2,
			elapsed: time.Second / 2, is: []error{errs.ErrCanceled, context.Canceled, errStop, errUnavailable}, reasons: []string{"the caller canceled"}, applied: true},
		{name: "canceled in a Retry-After", faults: faults{fault.Reply(503).RetryAfter(7 * time.Second)}, cancel: 3 * time.Second,
			elapsed: 3 * time.Second, is: []error{errs.ErrCanceled, context.Canceled, errStop, errUnavailable}, reasons: []string{"the caller canceled"}, applied: true},
		{name: "canceled in flight", faults: faults{fault.Reply(503), fault.Nth(2).Hang()}, cancel: 3 * time.Second,
			requests: 2, elapsed: 3 * time.Second, is: []error{errs.ErrCanceled, context.Canceled, errStop, errUnavailable}, reasons: []string{"retried", "the caller canceled"}, applied: true},
	} {
		for shape, retry := range foreignRetries {
			t.Run(tt.name+", "+shape, func(t *testing.T) {
				t.Parallel()
				onSite(t, func(t *testing.T, s *site) {
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					if tt.cancel > 0 {
						time.AfterFunc(tt.cancel, func() { cancel(errStop) })
					}
					if tt.deadline > 0 {
						limited, stop := context.WithTimeout(ctx, tt.deadline)
						defer stop()
						ctx = limited
					}
					s.fake.Inject(tt.faults...)
					began := time.Now()
					err := write(ctx, s.retrying(func(stack transport.Stack) transport.Stack {
						if tt.noKey {
							stack = stack.Without("idempotency")
						}
						return stack.Replace("retry", retry(s.cfg.RetryPolicy))
					}))
					if n := len(s.fake.Journal()); n != max(tt.requests, 1) {
						t.Errorf("the server got %d requests", n)
					}
					if elapsed := time.Since(began); elapsed != tt.elapsed {
						t.Errorf("the call took %s, want %s", elapsed, tt.elapsed)
					}
					checkForeign(t, err, tt.is, tt.not, tt.reasons, tt.applied)
				})
			})
		}
	}
}

// errUnavailable stands for a 503 among the errors that a test expects.
var errUnavailable = errors.New("a 503")

// checkForeign checks the error of a call under a foreign retry.
func checkForeign(t *testing.T, err error, is, not []error, reasons []string, applied bool) {
	t.Helper()
	if len(reasons) == 0 {
		if err != nil {
			t.Errorf("the call failed: %v", err)
		}
		return
	}
	failure, ok := errors.AsType[*errs.Error](err)
	if !ok {
		t.Fatalf("the error is %T: %v", err, err)
	}
	for _, want := range is {
		api, answered := errors.AsType[*errs.APIError](err)
		if unavailable := answered && api.Status == 503; want == errUnavailable && !unavailable || want != errUnavailable && !errors.Is(err, want) {
			t.Errorf("the error doesn't match %q: %v", want, err)
		}
	}
	for _, unwanted := range append(not, errForeignGaveUp) {
		if errors.Is(err, unwanted) {
			t.Errorf("the error matches %q: %v", unwanted, err)
		}
	}
	var got []string
	for i, a := range failure.Attempts {
		got = append(got, a.Reason)
		if a.Number != i+1 || a.Err == nil || (a.Wait > 0) != (i+1 < len(failure.Attempts)) {
			t.Errorf("attempt %d is %+v", i+1, a)
		}
	}
	if !slices.Equal(got, reasons) {
		t.Errorf("the attempts ended as %q, want %q", got, reasons)
	}
	if failure.MaybeApplied != applied {
		t.Errorf("MaybeApplied is %t: %v", failure.MaybeApplied, err)
	}
}

func TestARefusalInsideAForeignRetryIsFinal(t *testing.T) {
	t.Parallel()
	for shape, retry := range foreignRetries {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				open := middleware.NewBreaker()
				open.Open()
				began := time.Now()
				err := write(t.Context(), s.retrying(func(stack transport.Stack) transport.Stack {
					return stack.Replace("retry", retry(s.cfg.RetryPolicy)).PerAttempt(middleware.Breaker(open))
				}))
				if errs.KindOf(err) != errs.KindRejected || errors.Is(err, errs.ErrExhausted) || errs.MaybeApplied(err) || time.Since(began) != 0 {
					t.Errorf("after %s: %v", time.Since(began), err)
				}
			})
		})
	}
}

// A context that the foreign retry ends is the time limit of an attempt, and not
// the caller's deadline.
func TestAForeignRetryMayLimitAttempts(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]func(http.RoundTripper) func(*http.Request) (*http.Response, error){
		"by the timeout of an http.Client": func(next http.RoundTripper) func(*http.Request) (*http.Response, error) {
			return (&http.Client{Transport: next, Timeout: 5 * time.Second}).Do
		},
		"by a context": func(next http.RoundTripper) func(*http.Request) (*http.Response, error) {
			return func(req *http.Request) (*http.Response, error) {
				ctx, cancel := context.WithTimeout(req.Context(), 5*time.Second)
				defer cancel()
				return next.RoundTrip(req.WithContext(ctx))
			}
		},
	} {
		for fault, arm := range map[string]prefactortest.Fault{
			"no response": prefactortest.On(writes).Always().Hang(),
			"half a body": prefactortest.On(writes).Always().Stall(time.Hour),
		} {
			t.Run(fault+", "+name, func(t *testing.T) {
				t.Parallel()
				onSite(t, func(t *testing.T, s *site) {
					s.fake.Inject(arm)
					err := write(t.Context(), s.retrying(func(stack transport.Stack) transport.Stack {
						return stack.Replace("retry", middleware.ForeignRetry(func(next http.RoundTripper) http.RoundTripper {
							return &naiveRetry{policy: s.cfg.RetryPolicy, send: limit(next), ownEnd: true}
						}))
					}))
					checkForeign(t, err, []error{errs.ErrExhausted, errs.ErrNetwork}, []error{errs.ErrCanceled, context.Canceled, context.DeadlineExceeded},
						[]string{"retried", "retried", "retried", string(errs.ReasonAttempts)}, true)
					if failure, ok := errors.AsType[*errs.Error](err); !ok || !failure.Timeout() {
						t.Errorf("Timeout is false: %v", err)
					}
				})
			})
		}
	}
}

func TestAForeignRetryReportsItsAttempts(t *testing.T) {
	t.Parallel()
	for shape, retry := range foreignRetries {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(prefactortest.On(writes).Reply(429).RetryAfter(7*time.Second), prefactortest.On(writes).Nth(2).CutBody(5))
				var seen []string
				observe := middleware.Observe("observe", middleware.ObserverFunc(func(_ context.Context, e transport.Event) {
					seen = append(seen, fmt.Sprint(e.Kind, " ", e.Layer, e.Attempt.Number, " ", e.Attempt.Reason))
				}))
				if err := write(t.Context(), s.retrying(func(stack transport.Stack) transport.Stack {
					return stack.Replace("retry", retry(s.cfg.RetryPolicy)).PerCall(observe)
				})); err != nil {
					t.Fatal(err)
				}
				want := []string{"wait began retry0 ", "attempt ended 1 retried", "attempt ended 2 retried", "attempt ended 3 ", "call ended 0 "}
				if !slices.Equal(seen, want) {
					t.Errorf("got %q, want %q", seen, want)
				}
			})
		})
	}
}

// A foreign retry with a rule of its own may end a call before any attempt, ask
// for one after a success, or send what it shouldn't.
func TestAForeignRetryWithRulesOfItsOwn(t *testing.T) {
	t.Parallel()
	errOwn := errors.New("a rule of the foreign retry")
	twice := func(next http.RoundTripper) baseFunc {
		return func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err != nil {
				return nil, err
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			return next.RoundTrip(req)
		}
	}
	raced := func(next http.RoundTripper) baseFunc {
		return func(req *http.Request) (*http.Response, error) {
			type result struct {
				resp *http.Response
				err  error
			}
			first := make(chan result, 1)
			go func() {
				resp, err := next.RoundTrip(req)
				first <- result{resp, err}
			}()
			synctest.Wait() // the first is in flight
			if resp, err := next.RoundTrip(req.Clone(req.Context())); err == nil {
				_ = resp.Body.Close()
			}
			r := <-first
			return r.resp, r.err
		}
	}
	for _, tt := range []struct {
		name     string
		foreign  func(next http.RoundTripper) baseFunc
		noKey    bool
		requests int
		check    func(error) bool
	}{
		{"refuses at once", func(http.RoundTripper) baseFunc {
			return func(*http.Request) (*http.Response, error) { return nil, errOwn }
		}, false, 0, func(err error) bool { return errors.Is(err, errOwn) && !errs.MaybeApplied(err) }},
		{"refuses a success", func(next http.RoundTripper) baseFunc {
			return func(req *http.Request) (*http.Response, error) {
				resp, err := next.RoundTrip(req)
				if err != nil {
					return nil, err
				}
				return resp, errOwn
			}
		}, false, 1, func(err error) bool { return errors.Is(err, errOwn) && errs.MaybeApplied(err) }},
		{"repeats a success that has a key", twice, false, 2, func(err error) bool { return err == nil }},
		{"repeats a success that has no key", twice, true, 1, func(err error) bool { return err == nil }},
		{"races two attempts with a key", raced, false, 2, func(err error) bool { return err == nil }},
		{"races two attempts without a key", raced, true, 1, func(err error) bool { return err == nil }},
		{"returns nothing", func(http.RoundTripper) baseFunc {
			return func(*http.Request) (*http.Response, error) { return nil, nil }
		}, false, 0, func(err error) bool { return err != nil }},
		{"loses the context", func(next http.RoundTripper) baseFunc {
			return func(req *http.Request) (*http.Response, error) {
				return next.RoundTrip(req.WithContext(context.Background()))
			}
		}, false, 0, func(err error) bool { return errs.KindOf(err) == errs.KindClient && !errs.MaybeApplied(err) }},
		{"copies the response", func(next http.RoundTripper) baseFunc {
			return func(req *http.Request) (*http.Response, error) {
				resp, err := next.RoundTrip(req)
				if err != nil {
					return nil, err
				}
				copied := *resp
				copied.Body = struct{ io.ReadCloser }{resp.Body}
				return &copied, nil
			}
		}, false, 1, func(err error) bool { return err == nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(slow(writes, time.Second).Always().Optional())
				err := write(t.Context(), s.retrying(func(stack transport.Stack) transport.Stack {
					if tt.noKey {
						stack = stack.Without("idempotency")
					}
					return stack.Replace("retry", middleware.ForeignRetry(func(next http.RoundTripper) http.RoundTripper { return tt.foreign(next) }))
				}))
				if n := len(s.fake.Journal()); n != tt.requests || !tt.check(err) {
					t.Errorf("after %d requests: %v", n, err)
				}
			})
		})
	}
}

// A foreign retry that sends nothing leaves no body open.
func TestAForeignRetryThatRefusesClosesTheBody(t *testing.T) {
	t.Parallel()
	rt := build(t, transport.NewStack(middleware.ForeignRetry(func(http.RoundTripper) http.RoundTripper {
		return baseFunc(func(*http.Request) (*http.Response, error) { return nil, errForeignGaveUp })
	})), succeeding)
	body := &tracked{Reader: strings.NewReader("body")}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", body)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rt.RoundTrip(req); !errors.Is(err, errForeignGaveUp) || !body.closed.Load() {
		t.Errorf("the body is closed: %t, the error: %v", body.closed.Load(), err)
	}
}

// A foreign retry may wrap the body of the response with which it gives up.
func TestAWrappedResponseOfAForeignRetryIsConcluded(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.On(writes).Always().Reply(503))
		err := write(t.Context(), s.retrying(func(stack transport.Stack) transport.Stack {
			return stack.Replace("retry", middleware.ForeignRetry(func(next http.RoundTripper) http.RoundTripper {
				naive := &naiveRetry{policy: s.cfg.RetryPolicy, send: next.RoundTrip}
				return baseFunc(func(req *http.Request) (*http.Response, error) {
					resp, err := naive.RoundTrip(req)
					if err == nil {
						resp.Body = struct{ io.ReadCloser }{resp.Body}
					}
					return resp, err
				})
			}))
		}))
		checkForeign(t, err, []error{errs.ErrExhausted, errUnavailable}, nil,
			[]string{"retried", "retried", "retried", string(errs.ReasonAttempts)}, true)
	})
}

func TestAForeignRetryThatIsNilIsRefused(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(http.RoundTripper) http.RoundTripper{
		"function": nil,
		"retry":    func(http.RoundTripper) http.RoundTripper { return nil },
	} {
		_, err := transport.NewStack(middleware.ForeignRetry(wrap)).RoundTripper(succeeding)
		if problem, ok := errors.AsType[*errs.ClientError](err); !ok || problem.Field != "ForeignRetry function" {
			t.Errorf("nil %s: %v", name, err)
		}
	}
}

// What no call carries may stream, also under a status that isn't repeated.
func TestAStreamPassesThroughAForeignRetry(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusOK, http.StatusTemporaryRedirect, http.StatusNotFound} {
		for shape, retry := range foreignRetries {
			t.Run(fmt.Sprint(status, ", ", shape), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					requests := 0
					rt := build(t, transport.NewStack(retry(middleware.DefaultRetryPolicy())), baseFunc(func(req *http.Request) (*http.Response, error) {
						requests++
						r, w := io.Pipe()
						go func() {
							time.Sleep(time.Minute)
							if req.Context().Err() != nil {
								_ = w.CloseWithError(req.Context().Err())
								return
							}
							_, _ = io.WriteString(w, "late")
							_ = w.Close()
						}()
						resp := answerWith(status, "text/plain", r)
						resp.Header.Set("Location", "http://elsewhere.test/")
						return resp, nil
					}))
					resp := send(t, rt)
					body, err := io.ReadAll(resp.Body)
					_ = resp.Body.Close()
					if string(body) != "late" || err != nil || requests != 1 || resp.StatusCode != status {
						t.Errorf("after %d requests: %d %q, %v", requests, resp.StatusCode, body, err)
					}
				})
			})
		}
	}
}
