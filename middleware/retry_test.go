package middleware_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// A request without a key is sent again only if the server can't have acted on
// it; one whose body can't be read again is never sent again.
func TestWhichRequestsAreSentAgain(t *testing.T) {
	t.Parallel()
	status := func(code int) func() (*http.Response, error) {
		return func() (*http.Response, error) { return answerWith(code, "application/json", http.NoBody), nil }
	}
	failure := func(err error) func() (*http.Response, error) {
		return func() (*http.Response, error) { return nil, err }
	}
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errRefused}
	reset := &net.OpError{Op: "read", Net: "tcp", Err: errReset}
	for _, tt := range []struct {
		name    string
		method  string
		key     string
		respond func() (*http.Response, error)
		getBody bool
		again   bool
	}{
		{"GET, 503", "GET", "", status(503), true, true},
		{"HEAD, 503", "HEAD", "", status(503), true, true},
		{"GET, reset", "GET", "", failure(reset), true, true},
		{"POST with a key, 503", "POST", "k", status(503), true, true},
		{"POST with a key, reset", "POST", "k", failure(reset), true, true},
		{"POST with a key, 501", "POST", "k", status(501), true, false},
		{"POST with a key, no GetBody", "POST", "k", status(503), false, false},
		{"POST, 429", "POST", "", status(429), true, true},
		{"POST, 503", "POST", "", status(503), true, false},
		{"POST, refused", "POST", "", failure(refused), true, true},
		{"POST, refused, no GetBody", "POST", "", failure(refused), false, false},
		{"POST, reset", "POST", "", failure(reset), true, false},
		{"PUT, 503", "PUT", "", status(503), true, false},
		{"DELETE, reset", "DELETE", "", failure(reset), true, false},
		{"GET, a layer's refusal", "GET", "", failure(&errs.RejectedError{Layer: "l", Cause: reset}), true, false},
		{"GET, a ClientError", "GET", "", failure(&errs.ClientError{Field: "f", Problem: "p"}), true, false},
		{"GET, token source down", "GET", "", failure(&errs.AuthError{APIError: &errs.APIError{}, Cause: reset}), true, false},
	} {
		onEachRetry(t, tt.name, func(t *testing.T, retry func(middleware.RetryPolicy) transport.Layer) {
			synctest.Test(t, func(t *testing.T) {
				var bodies []string
				rt := build(t, transport.NewStack(retry(middleware.DefaultRetryPolicy())), baseFunc(func(req *http.Request) (*http.Response, error) {
					body, _ := io.ReadAll(req.Body)
					_ = req.Body.Close()
					bodies = append(bodies, string(body))
					if len(bodies) > 1 {
						return status(200)()
					}
					return tt.respond()
				}))
				req, err := http.NewRequestWithContext(t.Context(), tt.method, "http://localhost/", strings.NewReader("body"))
				if err != nil {
					t.Fatal(err)
				}
				if !tt.getBody {
					req.GetBody = nil
				}
				if tt.key != "" {
					req.Header.Set(transport.KeyHeader, tt.key)
				}
				if resp, err := rt.RoundTrip(req); err == nil {
					_ = resp.Body.Close()
				}
				if again := len(bodies) > 1; again != tt.again {
					t.Errorf("sent again: %t", again)
				}
				for _, body := range bodies {
					if body != "body" {
						t.Errorf("sent the body %q", body)
					}
				}
			})
		})
	}
}

func TestAFailureHasItsAttempts(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(
			prefactortest.On(writes).Reply(503).Delay(2*time.Second),
			prefactortest.On(writes).Nth(2).CutBody(5),
			prefactortest.On(writes).Nth(3).Reply(422),
		)
		err := write(t.Context(), s.retrying(perCall()))
		failure, ok := errors.AsType[*errs.Error](err)
		if !ok || len(failure.Attempts) != 3 {
			t.Fatalf("got %v", err)
		}
		for i, want := range []struct {
			status   int
			reason   string
			duration time.Duration
			waits    bool
			is       error
		}{
			{503, "retried", 2 * time.Second, true, nil},
			{200, "retried", 0, true, errs.ErrNetwork},
			{422, "final", 0, false, errs.ErrValidation},
		} {
			a := failure.Attempts[i]
			if a.Number != i+1 || a.Status != want.status || a.Reason != want.reason || a.Duration != want.duration || (a.Wait > 0) != want.waits ||
				want.is != nil && !errors.Is(a.Err, want.is) {
				t.Errorf("attempt %d is %+v", i+1, a)
			}
		}
		var waits time.Duration
		for _, a := range failure.Attempts {
			waits += a.Wait + a.Duration
		}
		if failure.Elapsed != waits {
			t.Errorf("the call took %s, its attempts and waits %s", failure.Elapsed, waits)
		}
		if !errs.MaybeApplied(err) {
			t.Error("MaybeApplied is false, but the 503 before the 422 may follow a commit")
		}
	})
}

func TestWithoutRetriesNothingIsExhausted(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.On(writes).Times(2).Reply(503))
		for range 2 {
			err := write(t.Context(), s.client(perCall()))
			if errors.Is(err, errs.ErrExhausted) || err == nil {
				t.Errorf("got %v", err)
			}
		}
		if n := len(s.fake.Journal()); n != 2 {
			t.Errorf("two calls sent %d requests", n)
		}
	})
}

// Every field of the policy has an effect.
func TestThePolicyIsFollowed(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.cfg.RetryPolicy = middleware.RetryPolicy{MaxRetries: 5, InitialRetryDelay: 4 * time.Second, MaxRetryDelay: 20 * time.Second,
			RetryMultiplier: 3, RetryOnStatusCodes: []int{418}}
		s.fake.Inject(prefactortest.On(writes).Always().Reply(418))
		client := s.retrying(perCall())
		for range 50 {
			failure, _ := errors.AsType[*errs.Error](write(t.Context(), client))
			if len(failure.Attempts) != 6 {
				t.Fatalf("got %v", failure)
			}
			for i, backoff := range []time.Duration{4 * time.Second, 12 * time.Second, 36 * time.Second, 108 * time.Second, 324 * time.Second} {
				wait := failure.Attempts[i].Wait
				if wait < min(backoff*3/4, 20*time.Second) || wait > min(backoff*5/4, 20*time.Second) {
					t.Errorf("wait %d is %s", i+1, wait)
				}
			}
		}
		s.fake.Heal()
		s.fake.Inject(prefactortest.On(writes).Reply(503))
		if err := write(t.Context(), client); errors.Is(err, errs.ErrExhausted) {
			t.Errorf("503 was retried: %v", err)
		}
	})
}

func TestARetriedStreamIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe() // never written to
		defer writer.Close()
		endless := &tracked{Reader: reader}
		first := true
		rt := build(t, transport.NewStack(middleware.Retry(middleware.DefaultRetryPolicy())), baseFunc(func(*http.Request) (*http.Response, error) {
			if first {
				first = false
				resp := answerWith(http.StatusServiceUnavailable, "text/html", endless)
				resp.ContentLength = -1
				return resp, nil
			}
			return answerWith(http.StatusOK, "text/html", http.NoBody), nil
		}))
		resp, err := rt.RoundTrip(newRequest(t, t.Context()))
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("got %v, %v", resp, err)
		}
		if !endless.closed.Load() {
			t.Error("the body of the retried response isn't closed")
		}
	})
}

func TestAStalledBodyDoesNotHoldUpTheNextAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe() // never written to
		defer writer.Close()
		first := true
		stack := transport.NewStack(middleware.Retry(middleware.DefaultRetryPolicy()), middleware.Timeout(time.Second))
		rt := build(t, stack, baseFunc(func(*http.Request) (*http.Response, error) {
			if first {
				first = false
				resp := answerWith(http.StatusServiceUnavailable, "text/html", reader)
				resp.ContentLength = 10
				return resp, nil
			}
			return answerWith(http.StatusOK, "text/html", http.NoBody), nil
		}))
		resp, err := rt.RoundTrip(newRequest(t, t.Context()))
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("got %v, %v", resp, err)
		}
		_ = resp.Body.Close()
	})
}

func TestAResponseIsReturnedIfTheRequestBodyCannotBeReadAgain(t *testing.T) {
	t.Parallel()
	onEachRetry(t, "503", func(t *testing.T, retry func(middleware.RetryPolicy) transport.Layer) {
		synctest.Test(t, func(t *testing.T) {
			requests := 0
			rt := build(t, transport.NewStack(retry(middleware.DefaultRetryPolicy())), baseFunc(func(req *http.Request) (*http.Response, error) {
				requests++
				_ = req.Body.Close()
				return answerWith(http.StatusServiceUnavailable, "application/json", http.NoBody), nil
			}))
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set(transport.KeyHeader, "k")
			req.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("the file is gone") }
			resp, err := rt.RoundTrip(req)
			if err != nil || resp.StatusCode != http.StatusServiceUnavailable || requests != 1 {
				t.Errorf("after %d requests: %v, %v", requests, resp, err)
			}
		})
	})
}

func TestAPlainClientGetsTheLastResponse(t *testing.T) {
	t.Parallel()
	onEachRetry(t, "503", func(t *testing.T, retry func(middleware.RetryPolicy) transport.Layer) {
		onSite(t, func(t *testing.T, s *site) {
			s.fake.Inject(prefactortest.On(reads).Always().Reply(503))
			stack := middleware.Default(s.cfg).Replace("retry", retry(s.cfg.RetryPolicy))
			client := http.Client{Transport: build(t, stack, s.base)}
			resp, err := client.Get(s.cfg.APIURL + "/api/v1/agent/" + prefactortest.AgentID)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if resp.StatusCode != 503 || err != nil || !strings.Contains(string(body), `"status":"error"`) {
				t.Errorf("got %d %s, %v", resp.StatusCode, body, err)
			}
			if n := len(s.fake.Journal()); n != 4 {
				t.Errorf("the server saw %d requests", n)
			}
			client.CloseIdleConnections()
		})
	})
}

// A layer outside may read the last response, and return what its body ends in as
// the error, as recorders do.
func TestTheBodyOfTheLastResponseEndsInTheErrorOfTheCall(t *testing.T) {
	t.Parallel()
	reading := func(returned bool) transport.LayerFunc {
		return func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil {
				return nil, err
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil && returned {
				return nil, err
			}
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(string(body)), iotest.ErrReader(cmp.Or(err, io.EOF))))
			return resp, nil
		}
	}
	for name, layer := range map[string]transport.Layer{
		"returned as the error": transport.NewLayerFunc("reading", transport.PerCall, reading(true)),
		"left in the body":      transport.NewLayerFunc("reading", transport.PerCall, reading(false)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(prefactortest.On(writes).Always().CutBody(5))
				err := write(t.Context(), s.retrying(func(stack transport.Stack) transport.Stack { return stack.PerCall(layer) }))
				exhausted, ok := errors.AsType[*errs.RetryExhaustedError](err)
				if !ok || len(exhausted.Attempts) != 4 || errs.KindOf(err) != errs.KindNetwork || !errs.MaybeApplied(err) {
					t.Fatalf("the error isn't that of four attempts: %v", err)
				}
				if errors.Is(exhausted.Last, errs.ErrExhausted) {
					t.Errorf("it says twice that retry gave up: %v", err)
				}
			})
		})
	}
}

// failsafe-go drops a result that comes at the moment when the context ends.
func TestASuccessIsNotLostToACancellationAtTheSameMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		sent := 0
		rt := build(t, transport.NewStack(middleware.Retry(middleware.DefaultRetryPolicy())), baseFunc(func(*http.Request) (*http.Response, error) {
			if sent++; sent == 1 {
				return answerWith(http.StatusServiceUnavailable, "application/json", http.NoBody), nil
			}
			cancel()
			return answerWith(http.StatusOK, "application/json", http.NoBody), nil
		}))
		resp, err := rt.RoundTrip(newRequest(t, ctx))
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("got %v, %v", resp, err)
		}
	})
}

func TestManyCallersShareOneRetryLayer(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.On(writes).Chance(0.3).Reply(503), prefactortest.On(writes).Chance(0.2).ResetAfter())
		client := s.retrying(perCall())
		var calls sync.WaitGroup
		for range 64 {
			calls.Go(func() {
				for range 10 {
					if err := write(t.Context(), client); err != nil && !errors.Is(err, errs.ErrExhausted) {
						t.Error(err)
					}
				}
			})
		}
		calls.Wait()
	})
}
