package middleware_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go/adaptivelimiter"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

// site is a fake server in a bubble of virtual time, and builds stacks on it.
type site struct {
	t    *testing.T
	fake *prefactortest.Fake
	cfg  middleware.Config
	base *watchedBodies
}

// onSite runs a test in a bubble. The test fails if a goroutine or an open
// response body is left at the end.
func onSite(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		fake := prefactortest.New(prefactortest.WithT(t))
		pipe := fake.Pipe()
		s := &site{t: t, fake: fake, cfg: middleware.NewConfig(pipe.URL, prefactortest.Token), base: &watchedBodies{RoundTripper: pipe.Transport()}}
		defer func() {
			if err := pipe.Close(); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			if n := s.base.open.Load(); n != 0 {
				t.Errorf("%d response bodies are open", n)
			}
		}()
		test(t, s)
	})
}

// client returns a client over the default stack after an edit, without retries
// unless the edit adds some.
func (s *site) client(edit func(transport.Stack) transport.Stack) *transport.Client {
	s.t.Helper()
	cfg := s.cfg
	cfg.MaxRetries = 0
	return newClient(s.t, edit(middleware.Default(cfg)), cfg.APIURL, s.base)
}

// retrying returns a client over the default stack after an edit.
func (s *site) retrying(edit func(transport.Stack) transport.Stack) *transport.Client {
	s.t.Helper()
	return newClient(s.t, edit(middleware.Default(s.cfg)), s.cfg.APIURL, s.base)
}

func newClient(t testing.TB, stack transport.Stack, url string, base http.RoundTripper) *transport.Client {
	t.Helper()
	client, err := transport.NewClient(url, build(t, stack, base))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func build(t testing.TB, stack transport.Stack, base http.RoundTripper) http.RoundTripper {
	t.Helper()
	rt, err := stack.RoundTripper(base)
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

// perAttempt returns the edit that puts layers just inside retry; perCall just
// outside it; onWire next to the base.
func perAttempt(layers ...transport.Layer) func(transport.Stack) transport.Stack {
	return func(s transport.Stack) transport.Stack { return s.PerAttempt(layers...) }
}

func perCall(layers ...transport.Layer) func(transport.Stack) transport.Stack {
	return func(s transport.Stack) transport.Stack { return s.PerCall(layers...) }
}

func onWire(layers ...transport.Layer) func(transport.Stack) transport.Stack {
	return func(s transport.Stack) transport.Stack { return s.Wire(layers...) }
}

// read makes a call that reads, write one that writes.
func read(ctx context.Context, client *transport.Client) error {
	_, err := client.Do(ctx, transport.Request{Method: http.MethodGet, Path: "/agent/{id}", Values: []string{prefactortest.AgentID}})
	return err
}

func write(ctx context.Context, client *transport.Client) error {
	_, err := client.Do(ctx, transport.Request{Method: http.MethodPost, Path: "/agent", Body: map[string]any{"details": map[string]any{"name": "crawler"}}})
	return err
}

const (
	reads  = "agents.get"
	writes = "agents.create"
)

// watchedBodies counts the response bodies that are open.
type watchedBodies struct {
	http.RoundTripper
	open atomic.Int32
}

func (w *watchedBodies) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.RoundTripper.RoundTrip(req)
	if err == nil {
		w.open.Add(1)
		resp.Body = &watchedBody{ReadCloser: resp.Body, open: &w.open}
	}
	return resp, err
}

type watchedBody struct {
	io.ReadCloser
	open   *atomic.Int32
	closed atomic.Bool
}

func (b *watchedBody) Close() error {
	if b.closed.CompareAndSwap(false, true) {
		b.open.Add(-1)
	}
	return b.ReadCloser.Close()
}

// baseFunc is a base round tripper, or a foreign layer.
type baseFunc func(*http.Request) (*http.Response, error)

func (f baseFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// answerWith returns a response with a JSON body; a text/plain one streams.
func answerWith(status int, contentType string, body io.ReadCloser) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: body, ContentLength: -1}
}

// succeeding is a base that responds to every request at once.
var succeeding = baseFunc(func(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return answerWith(200, "application/json", io.NopCloser(strings.NewReader(`{"status":"success"}`))), nil
})

// tracked is a body that records whether it is closed.
type tracked struct {
	io.Reader
	closed atomic.Bool
}

func (b *tracked) Close() error {
	b.closed.Store(true)
	return nil
}

// layerAllocations returns how many allocations an edit of the default stack
// costs a call that succeeds.
func layerAllocations(t *testing.T, edit func(transport.Stack) transport.Stack) float64 {
	t.Helper()
	if underRace {
		t.Skip("allocations are counted without the race detector")
	}
	stack := middleware.Default(middleware.NewConfig("https://prefactor.test", prefactortest.Token))
	measure := func(stack transport.Stack) float64 {
		client := newClient(t, stack, "https://prefactor.test", succeeding)
		return testing.AllocsPerRun(1000, func() {
			if err := write(t.Context(), client); err != nil {
				t.Error(err)
			}
		})
	}
	return measure(edit(stack)) - measure(stack)
}

// checkNoToken fails the test if an error shows the token in any form.
func checkNoToken(t *testing.T, err error) {
	t.Helper()
	for _, format := range []string{"%v", "%+v", "%#v", "%q"} {
		if text := fmt.Sprintf(format, err); strings.Contains(text, prefactortest.Token) {
			t.Errorf("%s shows the token: %s", format, text)
		}
	}
}

// slow is a fault that delays a response.
func slow(operation string, d time.Duration) prefactortest.Fault {
	return prefactortest.On(operation).Delay(d)
}

// newRequest returns a GET that is not an API call.
func newRequest(t *testing.T, ctx context.Context) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://prefactor.test", nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// send sends a GET that is not an API call.
func send(t *testing.T, rt http.RoundTripper) *http.Response {
	t.Helper()
	resp, err := rt.RoundTrip(newRequest(t, t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// sendPanicking sends a GET and expects the stack to panic with want.
func sendPanicking(t *testing.T, rt http.RoundTripper, want any) {
	t.Helper()
	req := newRequest(t, t.Context())
	defer func() {
		t.Helper()
		if got := recover(); got != want {
			t.Errorf("it panicked with %v, want %v", got, want)
		}
	}()
	_, _ = rt.RoundTrip(req)
}

// inParallel calls f n times at once, and returns the errors.
func inParallel(n int, f func(i int) error) []error {
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed []error
	)
	for i := range n {
		wg.Go(func() {
			if err := f(i); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, err)
			}
		})
	}
	wg.Wait()
	return failed
}

func TestFaultTableHoldsWithAllPolicies(t *testing.T) {
	for position, put := range map[string]func(...transport.Layer) func(transport.Stack) transport.Stack{
		"outside retry": perCall, "inside retry": perAttempt,
	} {
		t.Run(position, func(t *testing.T) {
			edited(t, func(s transport.Stack) transport.Stack {
				return put(
					middleware.Adaptive(&limiter{limit: 1000}, time.Second),
					middleware.Bulkhead(middleware.NewBulkhead(1000), time.Second),
					hedge(),
					middleware.RateLimit(middleware.NewRateLimiter(1_000_000), time.Second),
					middleware.Breaker(tally()),
				)(s)
			}, conformance.Hedged())
		})
	}
}

func TestAWaitForAPermitIsAnEvent(t *testing.T) {
	t.Parallel()
	for name, layer := range map[string]func() transport.Layer{ // made in the bubble, for its time
		"bulkhead": func() transport.Layer { return middleware.Bulkhead(middleware.NewBulkhead(1), 10*time.Second) },
		"adaptive": func() transport.Layer {
			return middleware.Adaptive(adaptivelimiter.NewBuilder[any]().WithLimits(1, 1, 1).Build(), 10*time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(prefactortest.On(reads).Always().Delay(5 * time.Second))
				var waits atomic.Int32
				observer := middleware.ObserverFunc(func(_ context.Context, e transport.Event) {
					if e.Kind == transport.WaitBegan && e.Layer == name && e.Duration == 10*time.Second {
						waits.Add(1)
					}
				})
				client := s.client(func(s transport.Stack) transport.Stack {
					return s.PerCall(middleware.Observe("events", observer)).PerAttempt(layer())
				})
				inParallel(2, func(int) error { return read(t.Context(), client) })
				if n := waits.Load(); n != 1 {
					t.Errorf("%d waits were reported, want that of the second request", n)
				}
			})
		})
	}
}
