package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

// events is an observer that keeps each event as a line.
type events struct {
	mu    sync.Mutex
	lines []string
	begun int
}

type beginning struct{}

func (e *events) Begin(ctx context.Context) context.Context {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.begun++
	return context.WithValue(ctx, beginning{}, e.begun)
}

func (e *events) Observe(ctx context.Context, event transport.Event) {
	line := event.Kind.String()
	switch event.Kind {
	case transport.AttemptEnded:
		line += fmt.Sprintf(" %d, sent %d times", event.Attempt.Number, event.Attempt.Sends)
	case transport.WaitBegan, transport.Refused, transport.TokenRefreshed:
		line += " " + event.Layer
	}
	line += ": " + string(errs.KindOf(event.Err))
	if ctx.Value(beginning{}) == nil {
		line += ", without the context of Begin"
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lines = append(e.lines, line)
}

func (e *events) assert(t *testing.T, want ...string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Equal(e.lines, want) {
		t.Errorf("events:\n%q\nwant:\n%q", e.lines, want)
	}
}

func TestObserveReportsTheEventsOfACall(t *testing.T) {
	t.Parallel()
	refusing := transport.NewLayerFunc("breaker", transport.Anywhere, func(req *http.Request, _ transport.Next) (*http.Response, error) {
		_ = req.Body.Close()
		return nil, &errs.RejectedError{Layer: "breaker", Cause: errors.New("open")}
	})
	tests := map[string]struct {
		faults []prefactortest.Fault
		edit   func(*site, transport.Stack) transport.Stack
		want   []string
	}{
		"a success": {
			want: []string{"attempt ended 1, sent 1 times: ok", "call ended: ok"},
		},
		"a success after retries": {
			faults: []prefactortest.Fault{prefactortest.On(writes).Reply(503), prefactortest.On(writes).Reply(429)},
			want: []string{
				"attempt ended 1, sent 1 times: server", "wait began retry: ok",
				"attempt ended 2, sent 1 times: rate_limited", "wait began retry: ok",
				"attempt ended 3, sent 1 times: ok", "call ended: ok"},
		},
		"a failure": {
			faults: []prefactortest.Fault{prefactortest.On(writes).Reply(409)},
			want:   []string{"attempt ended 1, sent 1 times: conflict", "call ended: conflict"},
		},
		"a body that breaks off, for good": {
			faults: []prefactortest.Fault{prefactortest.On(writes).Always().CutBody(9)},
			edit: func(s *site, stack transport.Stack) transport.Stack {
				policy := s.cfg.RetryPolicy
				policy.MaxRetries = 1
				return stack.Replace("retry", middleware.Retry(policy))
			},
			want: []string{
				"attempt ended 1, sent 1 times: network", "wait began retry: ok",
				"attempt ended 2, sent 1 times: network", "call ended: network"},
		},
		"a token that is refreshed": {
			edit: func(s *site, stack transport.Stack) transport.Stack {
				source, _ := refreshing("expired", prefactortest.Token)
				return s.withSource(source)(stack)
			},
			want: []string{"token refreshed auth: ok", "attempt ended 1, sent 2 times: ok", "call ended: ok"},
		},
		"a refusal in an attempt": {
			edit: func(_ *site, stack transport.Stack) transport.Stack { return stack.PerAttempt(refusing) },
			want: []string{"refused breaker: rejected", "attempt ended 1, sent 0 times: rejected", "call ended: rejected"},
		},
		"a refusal of the call": {
			edit: func(_ *site, stack transport.Stack) transport.Stack { return stack.PerCall(refusing) },
			want: []string{"refused breaker: rejected", "call ended: rejected"},
		},
		"no retry layer": {
			edit: func(_ *site, stack transport.Stack) transport.Stack { return stack.Without("retry") },
			want: []string{"call ended: ok"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(tt.faults...)
				got := new(events)
				client := s.retrying(func(stack transport.Stack) transport.Stack {
					stack = stack.Before("retry", middleware.Observe("events", got))
					if tt.edit != nil {
						stack = tt.edit(s, stack)
					}
					return stack
				})
				_ = write(t.Context(), client)
				got.assert(t, tt.want...)
			})
		})
	}
}

func TestObserveDistinguishesACancellationFromANetworkFailure(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(transport.Stack) transport.Stack{
		"with retry":    func(s transport.Stack) transport.Stack { return s },
		"without retry": func(s transport.Stack) transport.Stack { return s.Without("retry") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(prefactortest.On(writes).Hang())
				var outcome string
				var took time.Duration
				client := s.retrying(func(stack transport.Stack) transport.Stack {
					return edit(stack.Before("retry", middleware.Observe("outcome", middleware.ObserverFunc(
						func(_ context.Context, e transport.Event) { outcome, took = string(errs.KindOf(e.Err)), e.Duration }))))
				})
				ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
				defer cancel()
				_ = write(ctx, client)
				if outcome != "canceled" || took != 7*time.Second {
					t.Errorf("outcome %q after %s, want canceled after 7s", outcome, took)
				}
			})
		})
	}
}

func TestObserversWorkSideBySide(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		one, other := new(events), new(events)
		client := s.retrying(perCall(middleware.Observe("one", one), middleware.Observe("other", other)))
		if err := write(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		one.assert(t, "attempt ended 1, sent 1 times: ok", "call ended: ok")
		other.assert(t, "attempt ended 1, sent 1 times: ok", "call ended: ok")
	})
}

func TestObserveDoesNotReportTheRequestForAToken(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		got := new(events)
		nested := s.retrying(func(stack transport.Stack) transport.Stack { return stack })
		source := middleware.TokenFunc(func(ctx context.Context) (transport.Secret, error) {
			rt := build(t, middleware.Default(s.cfg), s.base)
			req := requestTo(t, http.MethodGet, s.cfg.APIURL+"/api/v1/ping")
			resp, err := rt.RoundTrip(req.WithContext(ctx))
			if err != nil {
				return transport.Secret{}, err
			}
			_ = resp.Body.Close()
			return transport.NewSecret(prefactortest.Token), read(ctx, nested)
		})
		client := s.retrying(func(stack transport.Stack) transport.Stack {
			return s.withSource(source)(stack).PerCall(middleware.Observe("events", got))
		})
		if err := write(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		got.assert(t, "attempt ended 1, sent 1 times: ok", "call ended: ok")
	})
}

func TestObserveReportsTheEndOfARequestThatIsNotACall(t *testing.T) {
	t.Parallel()
	got := new(events)
	rt := build(t, transport.NewStack(middleware.Observe("events", got)), succeeding)
	resp, err := rt.RoundTrip(requestTo(t, http.MethodGet, "https://api.example"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	got.assert(t, "call ended: ok")
}

func TestAttemptsCountWhatNetHTTPSendsAgainByItself(t *testing.T) {
	t.Parallel()
	// The server closes a connection after one response, when the next
	// request comes. net/http takes it for a connection that was idle too
	// long.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buffer := make([]byte, 4096)
				if _, err := conn.Read(buffer); err != nil {
					return
				}
				body := `{"status":"success"}`
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
				_, _ = conn.Read(buffer)
			}()
		}
	}()
	url := "http://" + listener.Addr().String()
	base := new(http.Transport)
	defer base.CloseIdleConnections()

	var attempt errs.Attempt
	watching := middleware.Observe("sends", middleware.ObserverFunc(func(_ context.Context, e transport.Event) {
		if e.Kind == transport.AttemptEnded {
			attempt = e.Attempt
		}
	}))
	client := newClient(t, middleware.Default(middleware.NewConfig(url, "token")).PerCall(watching), url, base)
	for _, want := range []errs.Attempt{{Sends: 1}, {Sends: 2}} {
		if err := write(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		if attempt.Sends != want.Sends || attempt.Reused != want.Reused {
			t.Errorf("sent %d times, the last time over a used connection: %v; want %d, %v", attempt.Sends, attempt.Reused, want.Sends, want.Reused)
		}
	}
}

func TestSendsAreCountedInEveryAttempt(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.On(writes).Times(2).Reply(503), prefactortest.On(writes).Reply(409))
		err := write(t.Context(), s.retrying(func(stack transport.Stack) transport.Stack { return stack }))
		failure, _ := errors.AsType[*errs.Error](err)
		if failure == nil || len(failure.Attempts) != 3 {
			t.Fatalf("%v, want 3 attempts", err)
		}
		for i, want := range []errs.Attempt{{Sends: 1, Reused: false}, {Sends: 1, Reused: true}, {Sends: 1, Reused: true}} {
			if a := failure.Attempts[i]; a.Sends != want.Sends || a.Reused != want.Reused {
				t.Errorf("attempt %d: sent %d times, reused %v; want %d, %v", i+1, a.Sends, a.Reused, want.Sends, want.Reused)
			}
		}
	})
}

func TestObserveIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	const callers, calls = 32, 8
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.Storm(0.3)...)
		var mu sync.Mutex
		ended := make(map[string]int)
		client := s.retrying(perCall(middleware.Observe("count", middleware.ObserverFunc(func(ctx context.Context, e transport.Event) {
			if e.Kind == transport.CallEnded {
				mu.Lock()
				defer mu.Unlock()
				ended[transport.CallFrom(ctx).Key()]++
			}
		}))))
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for range calls {
					_ = write(t.Context(), client)
				}
			})
		}
		all.Wait()
		if len(ended) != callers*calls {
			t.Errorf("%d calls ended, want %d", len(ended), callers*calls)
		}
		for key, n := range ended {
			if n != 1 {
				t.Errorf("call %s ended %d times", key, n)
			}
		}
	})
}

func TestObserveRefusesANilObserver(t *testing.T) {
	t.Parallel()
	if _, err := transport.NewStack(middleware.Observe("metrics", nil)).RoundTripper(http.DefaultTransport); !errors.Is(err, errs.ErrClient) {
		t.Errorf("%v, want a ClientError", err)
	}
}

// contextless is an observer whose Begin is wrong.
type contextless struct{ middleware.ObserverFunc }

func (contextless) Begin(context.Context) context.Context { return nil }

func TestObserveRefusesANilContext(t *testing.T) {
	t.Parallel()
	layer := middleware.Observe("metrics", contextless{})
	rt, err := transport.NewStack(layer).RoundTripper(prefactortest.New().RoundTripper())
	if err != nil {
		t.Fatal(err)
	}
	client, err := transport.NewClient("http://localhost", rt)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Do(t.Context(), transport.Request{Method: http.MethodGet, Path: "/ping"})
	if !errors.Is(err, errs.ErrClient) || !strings.Contains(err.Error(), `of the layer "metrics" returned a nil context from Begin`) {
		t.Errorf("%v, want a ClientError that names the layer", err)
	}
}

func TestObserveAllocatesAsItsCommentSays(t *testing.T) {
	layer := middleware.Observe("metrics", middleware.ObserverFunc(func(context.Context, transport.Event) {}))
	if n := layerAllocations(t, perCall(layer)); n > 8 {
		t.Errorf("it costs %v allocations, want 8 at most", n)
	}
}

func requestTo(t testing.TB, method, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestFaultTableHoldsUnderEverythingThatWatches(t *testing.T) {
	conformance.TestFaults(t, func(cfg middleware.Config, base http.RoundTripper) (http.RoundTripper, error) {
		source := middleware.RefreshingToken(fetching(cfg.APIToken.Reveal()).fetch)
		return middleware.Default(cfg).
			Replace("auth", middleware.Auth(cfg.APIURL, source)).
			PerCall(
				middleware.Log(new(logged).logger(slog.LevelDebug), middleware.LogBodies(200)),
				middleware.Observe("events", new(events)),
				middleware.OnControl(new(controls).add),
			).
			RoundTripper(base)
	})
}
