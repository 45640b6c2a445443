package middleware_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// A gateway's 401 doesn't say that the API has not acted, and the API's own does.
func TestWithoutAKeyARefusedTokenIsReplayedOnlyIfTheAPIRefusedIt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		refusal reply
		key     []transport.Option
		sends   int
	}{
		"the API's own":       {document(401), nil, 2},
		"a page":              {page(401), nil, 1},
		"a page, with a key":  {page(401), []transport.Option{transport.WithIdempotencyKey("own-key-1")}, 2},
		"an empty body":       {answer(401, "", ""), nil, 1},
		"another's document":  {answer(401, "application/json", `{"message":"no"}`), nil, 1},
		"a 401 that is a 403": {page(403), nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, inTurn(tt.refusal, success))
			cfg := quickConfig(s.url)
			stack := keyless(cfg).Replace("auth", middleware.Auth(s.url, refresher{}))
			err := post(t.Context(), newClient(t, stack, s.url, newBase(t, cfg)), tt.key...)
			if n := s.count(); n != tt.sends || (err == nil) != (n == 2) {
				t.Errorf("the server read %d requests, want %d: %v", n, tt.sends, err)
			}
		})
	}
}

// net/http takes other headers than ours for a key, and a request without a body
// for one that it can repeat.
func TestNothingBelowRepeatsARequestWithoutAKey(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]string{"a key of others": "X-Idempotency-Key", "a plain header": "X-Other"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, inTurn(success, hangUp, success))
			cfg := quickConfig(s.url)
			client := newClient(t, keyless(cfg), s.url, newBase(t, cfg))
			if _, err := client.Do(t.Context(), transport.Request{Method: http.MethodGet, Path: "/ping"}); err != nil {
				t.Fatal(err)
			}
			_, err := client.Do(t.Context(), transport.Request{Method: http.MethodPost, Path: "/x"}, transport.WithHeader(header, "abc"))
			checkApplied(t, err, true)
			if n := s.count(); n != 2 {
				t.Errorf("the server read %d requests, want the first and one more", n)
			}
		})
	}
}

// The shortest request that can be made is a request.
func TestAShortRequestMayHaveBeenApplied(t *testing.T) {
	t.Parallel()
	s := serve(t, always(hangUp))
	cfg := quickConfig(s.url)
	base := newBase(t, cfg, func(b *http.Transport) { b.DisableCompression = true })
	stack := transport.NewStack(middleware.Retry(cfg.RetryPolicy))
	_, err := newClient(t, stack, s.url, base).Do(t.Context(), transport.Request{Method: http.MethodDelete, Path: "/x"}, transport.WithHeader("User-Agent", ""))
	checkApplied(t, err, true)
	if n := s.count(); n != 1 {
		t.Errorf("it was sent %d times, and has no key", n)
	}
}

// A base may read the body that GetBody gives, and leave the request's own.
func TestABaseThatReadsACopyOfTheBodyMayHaveSentIt(t *testing.T) {
	t.Parallel()
	for name, copies := range map[string]bool{"reads a copy": true, "reads nothing": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := baseFunc(func(req *http.Request) (*http.Response, error) {
				if copies {
					body, err := req.GetBody()
					if err != nil {
						t.Error(err)
					}
					_, _ = io.Copy(io.Discard, body)
				}
				_ = req.Body.Close()
				return nil, io.ErrUnexpectedEOF
			})
			cfg := quickConfig("http://localhost")
			checkApplied(t, post(t.Context(), newClient(t, keyed(cfg), cfg.APIURL, base)), copies)
		})
	}
}

// The trace of a layer stands beside the call's own: each write is counted once.
func TestALayersOwnTraceCountsNoWriteTwice(t *testing.T) {
	t.Parallel()
	both := make(chan struct{})
	s := serve(t, func(s *server, number int) reply {
		if number == 2 {
			close(both)
		}
		return func(conn net.Conn) bool {
			s.wait(both)
			return document(422)(conn)
		}
	})
	cfg := quickConfig(s.url)
	cfg.MaxRetries = 0
	tracing := newLayer("tracing", func(req *http.Request, next transport.Next) (*http.Response, error) {
		trace := &httptrace.ClientTrace{WroteHeaders: func() {}}
		return next(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	})
	stack := keyed(cfg).PerAttempt(middleware.Hedge(middleware.NewHedge(time.Millisecond)), tracing)
	err := post(t.Context(), newClient(t, stack, s.url, newBase(t, cfg)))
	checkApplied(t, err, false)
	if all := attempts(t, err); len(all) != 1 || all[0].Sends != 2 {
		t.Errorf("got %+v, want two sends", all)
	}
}

// A layer that sends in its own way may answer with a failure of the server.
func TestAFailureOfTheServerPastTheWireMayHaveBeenApplied(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{503: true, 409: false} {
		own := newLayer("own", func(req *http.Request, _ transport.Next) (*http.Response, error) {
			_ = req.Body.Close()
			return answerWith(status, "application/json", io.NopCloser(strings.NewReader(errorDocument))), nil
		})
		cfg := quickConfig("http://localhost")
		checkApplied(t, post(t.Context(), newClient(t, keyed(cfg).PerCall(own), cfg.APIURL, succeeding)), want)
	}
}

// A layer may send with a context that doesn't carry the call. Then the failures of
// all attempts count, not that of the last alone.
func TestAnEarlierFailurePastTheWireMayHaveBeenApplied(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		statuses []int
		want     bool
	}{
		{[]int{503, 409}, true},
		{[]int{503, 429, 409}, true},
		{[]int{429, 409}, false},
	} {
		n := 0
		base := baseFunc(func(req *http.Request) (*http.Response, error) {
			_ = req.Body.Close()
			n++
			return answerWith(tt.statuses[n-1], "application/json", io.NopCloser(strings.NewReader(errorDocument))), nil
		})
		hiding := newLayer("hiding", func(req *http.Request, next transport.Next) (*http.Response, error) {
			return next(req.WithContext(context.Background()))
		})
		cfg := quickConfig("http://localhost")
		checkApplied(t, post(t.Context(), newClient(t, keyed(cfg).PerAttempt(hiding), cfg.APIURL, base)), tt.want)
	}
}

// Whoever bounds an attempt, its limit isn't the caller's deadline; and whatever
// the caller cancels with, it is a cancellation.
func TestLimitsOfAttemptsAndCancellationsAreNotMixedUp(t *testing.T) {
	t.Parallel()
	limited := func(name string, limit func(context.Context) (context.Context, context.CancelFunc)) transport.Layer {
		return newLayer(name, func(req *http.Request, next transport.Next) (*http.Response, error) {
			ctx, cancel := limit(req.Context())
			resp, err := next(req.WithContext(ctx))
			_ = transport.Outcome(req, resp, err)
			cancel()
			return resp, err
		})
	}
	withDeadline := limited("deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, time.Second)
	})
	flattening := newLayer("flattening", func(req *http.Request, next transport.Next) (*http.Response, error) {
		resp, err := next(req)
		if err != nil {
			err = errors.New("foreign: " + err.Error()) // the cause is lost
		}
		return resp, err
	})
	withCause := func(cause error) transport.Layer {
		return limited("cause", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			timer := time.AfterFunc(time.Second, func() { cancel(cause) })
			return ctx, func() { timer.Stop(); cancel(nil) }
		})
	}
	for name, tt := range map[string]struct {
		edit   func(transport.Stack) transport.Stack
		cancel error // of the caller's, after half a second; nil for none
		kind   errs.Kind
		sends  int
	}{
		"a foreign deadline":                   {perAttempt(withDeadline), nil, errs.KindNetwork, 2},
		"a foreign deadline at the wire":       {onWire(withDeadline), nil, errs.KindNetwork, 2},
		"a limit with a cause":                 {perAttempt(withCause(&errs.NetworkError{Cause: errors.New("too slow")})), nil, errs.KindNetwork, 2},
		"a limit without a cause":              {perAttempt(withCause(&errs.NetworkError{})), nil, errs.KindNetwork, 2},
		"a limit behind a layer that hides it": {onWire(flattening), nil, errs.KindNetwork, 2},
		"a cancel behind such a layer":         {perAttempt(flattening), context.Canceled, errs.KindCanceled, 1},
		"a caller's cancel":                    {perAttempt(withDeadline), context.Canceled, errs.KindCanceled, 1},
		"a caller's cancel with such an error": {perAttempt(), &errs.NetworkError{Cause: io.EOF}, errs.KindCanceled, 1},
		"the same without retry": {func(s transport.Stack) transport.Stack { return s.Without("retry") },
			&errs.NetworkError{Cause: io.EOF}, errs.KindCanceled, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				s.cfg.MaxRetries = 1
				s.fake.Inject(prefactortest.On(writes).Always().Hang())
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if tt.cancel != nil {
					time.AfterFunc(time.Second/2, func() { cancel(tt.cancel) })
				}
				err := write(ctx, s.retrying(tt.edit))
				if kind := errs.KindOf(err); kind != tt.kind {
					t.Errorf("kind %s, want %s: %v", kind, tt.kind, err)
				}
				if n := len(s.fake.Journal()); n != tt.sends {
					t.Errorf("sent %d times, want %d", n, tt.sends)
				}
			})
		})
	}
}

// The context may end at any moment, also between a response and the wait.
func TestAContextThatEndsBeforeAWaitBeginsEndsTheCall(t *testing.T) {
	t.Parallel()
	for _, last := range []int{1, 2, 3} { // the attempt after which the context ends
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			number := 0
			ending := newLayer("ending", func(req *http.Request, next transport.Next) (*http.Response, error) {
				resp, err := next(req)
				_ = transport.Outcome(req, resp, err)
				if number++; number == last {
					cancel()
				}
				return resp, err
			})
			base := baseFunc(func(req *http.Request) (*http.Response, error) {
				_ = req.Body.Close()
				return answerWith(503, "application/json", io.NopCloser(strings.NewReader(errorDocument))), nil
			})
			cfg := quickConfig("http://localhost")
			err := post(ctx, newClient(t, keyed(cfg).PerAttempt(ending), cfg.APIURL, base))
			failure, ok := errors.AsType[*errs.CanceledError](err)
			if !ok || errs.KindOf(failure.Last) != errs.KindServer || number != last || len(attempts(t, err)) != last {
				t.Errorf("after attempt %d of %d: %v", last, number, err)
			}
		})
	}
}
