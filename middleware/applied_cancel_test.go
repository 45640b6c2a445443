package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// A cancel may come at any moment of a send: before there is a connection, while
// the request is written, before the answer and after it. These tests make many
// calls and cancel them all over that time. Whatever the server has begun to
// carry out must have succeeded or be said to be maybe applied. The other way
// round a "maybe" can be needless: the client can't always know.

func TestACancelNeverHidesThatACallWasSent(t *testing.T) {
	for _, protocol := range []struct {
		name  string
		serve func(t *testing.T, ledger *ledger) (url string, trust func(*http.Transport))
	}{
		{"HTTP/1", func(t *testing.T, ledger *ledger) (string, func(*http.Transport)) {
			s := httptest.NewUnstartedServer(ledger)
			s.Config.ConnState = ledger.watch
			s.Start()
			t.Cleanup(s.Close)
			return s.URL, func(*http.Transport) {}
		}},
		{"HTTP/2", func(t *testing.T, ledger *ledger) (string, func(*http.Transport)) {
			return serveHTTP2(t, ledger, func(s *http.Server) { s.ConnState = ledger.watch })
		}},
	} {
		t.Run(protocol.name, func(t *testing.T) {
			calls := 20_000
			if testing.Short() || underRace {
				calls = 1_000
			}
			ledger := newLedger()
			url, trust := protocol.serve(t, ledger)
			cfg := quickConfig(url)
			client := connect(t, cfg, trust)
			outcomes := cancelAtAnyTime(t, client, calls)
			ledger.settle(t, client)

			var begun, canceled, lies, needless int
			for key, err := range outcomes {
				sent := ledger.has(key)
				if sent {
					begun++
				}
				if err != nil {
					canceled++
				}
				switch maybe := errs.MaybeApplied(err); {
				case err != nil && sent && !maybe:
					if lies++; lies <= 3 {
						t.Errorf("the server began to carry %s out, but MaybeApplied is false: %v", key, err)
					}
				case err != nil && !sent && maybe:
					needless++
				}
			}
			if lies > 0 {
				t.Errorf("%d of %d canceled calls lie", lies, canceled)
			}
			t.Logf("%d calls, %d begun by the server, %d canceled, %d of them maybe applied for nothing", calls, begun, canceled, needless)
		})
	}
}

// A call that ends while the server carries it out was sent, and without a key
// it isn't sent again.
func TestACallThatEndsInFlightMayHaveBeenApplied(t *testing.T) {
	t.Parallel()
	for end, begin := range inFlight {
		for _, protocol := range []string{"HTTP/1", "HTTP/2"} {
			for name, stack := range map[string]func(config) transport.Stack{"with a key": keyed, "without a key": keyless} {
				t.Run(end+"/"+protocol+"/"+name, func(t *testing.T) {
					t.Parallel()
					api := newSlowAPI(t)
					url, trust := serveHTTP2(t, api, nil)
					cfg := quickConfig(url)
					ctx, cancel := begin(t.Context(), api, &cfg)
					defer cancel()
					base := newBase(t, cfg, trust, func(base *http.Transport) { base.ForceAttemptHTTP2 = protocol == "HTTP/2" })
					err := post(ctx, newClient(t, stack(cfg), url, base))
					if api.begun.Load() == 0 {
						t.Skipf("a slow machine: it ended before it was sent: %v", err)
					}
					checkApplied(t, err, true)
					if n := api.begun.Load(); n > 1 && name == "without a key" {
						t.Errorf("the server began to carry it out %d times", n)
					}
					sent := false
					for _, a := range attempts(t, err) {
						failure, ok := errors.AsType[*errs.NetworkError](a.Err)
						sent = sent || ok && failure.Sent || errors.Is(a.Err, errs.ErrCanceled)
					}
					if !sent {
						t.Errorf("no attempt says that it was sent: %v", err)
					}
				})
			}
		}
	}
}

// callers is how many calls are in progress at a time.
const callers = 64

// makeCalls makes calls with keys of this prefix and returns what became of them
// by key. within gives each call its context.
func makeCalls(client *transport.Client, prefix string, calls int, within func(i int) (context.Context, context.CancelFunc)) map[string]error {
	outcomes := make(map[string]error, calls)
	var (
		all  sync.WaitGroup
		next atomic.Int64
		mu   sync.Mutex
	)
	for range callers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < calls; i = int(next.Add(1)) - 1 {
				key := fmt.Sprint(prefix, i)
				ctx, cancel := within(i)
				err := post(ctx, client, transport.WithIdempotencyKey(key))
				cancel()
				mu.Lock()
				outcomes[key] = err
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return outcomes
}

// duration returns how long a call takes among all others, over connections that
// are there already.
func duration(t *testing.T, client *transport.Client) time.Duration {
	t.Helper()
	const rounds = 5
	forever := func(int) (context.Context, context.CancelFunc) { return t.Context(), func() {} }
	makeCalls(client, "first-", callers, forever)
	began := time.Now()
	for key, err := range makeCalls(client, "measured-", rounds*callers, forever) {
		if err != nil {
			t.Fatalf("call %s: %v", key, err)
		}
	}
	return time.Since(began) / rounds
}

// cancelAtAnyTime makes calls and cancels them, each at another time between
// their beginning and a little after a call would have ended.
func cancelAtAnyTime(t *testing.T, client *transport.Client, calls int) map[string]error {
	t.Helper()
	const steps = 1000
	step := duration(t, client) * 5 / 4 / steps
	return makeCalls(client, "canceled-", calls, func(i int) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(t.Context())
		timer := time.AfterFunc(step*time.Duration(i*7919%steps), cancel) // 7919 is prime: every step has its turn
		return ctx, func() {
			timer.Stop()
			cancel()
		}
	})
}

// ledger is an API that notes the key of each request that it begins to carry
// out.
type ledger struct {
	requests

	mu   sync.Mutex
	keys map[string]bool
	open int // connections

	closed chan struct{} // gets a value when a connection ends, if there is room
}

func newLedger() *ledger {
	return &ledger{keys: make(map[string]bool), closed: make(chan struct{}, 1)}
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	l.mu.Lock()
	l.keys[req.Header.Get(transport.KeyHeader)] = true
	l.mu.Unlock()
	l.requests.ServeHTTP(w, req)
}

// has reports whether the API began to carry a call out.
func (l *ledger) has(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.keys[key]
}

// watch counts the open connections.
func (l *ledger) watch(_ net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch state {
	case http.StateNew:
		l.open++
	case http.StateClosed:
		l.open--
		select {
		case l.closed <- struct{}{}:
		default:
		}
	}
}

func (l *ledger) connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// settle returns when the server has seen everything that was written to it: a
// further connection was accepted, and so all before it, and each has ended.
func (l *ledger) settle(t *testing.T, client *transport.Client) {
	t.Helper()
	for range 2 { // over a connection that is there, and over a new one
		if err := post(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		client.CloseIdleConnections()
	}
	for l.connections() > 0 {
		select {
		case <-l.closed:
		case <-time.After(time.Millisecond): // a dial that was given up became an idle connection
			client.CloseIdleConnections()
		}
	}
}
