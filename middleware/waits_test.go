package middleware_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go/hedgepolicy"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// sendTimes returns when each request of a call reached the server, counted from
// the first.
func sendTimes(fake *prefactortest.Fake) (at []time.Duration) {
	journal := fake.Journal()
	for _, x := range journal {
		at = append(at, x.Time.Sub(journal[0].Time))
	}
	return at
}

// However a response ends, what its header asks for is waited for.
func TestARetryAfterIsKeptWithEveryResponse(t *testing.T) {
	t.Parallel()
	const asked = 30 * time.Second
	for name, fault := range map[string]prefactortest.Fault{
		"whole":         prefactortest.On(writes).Reply(503).RetryAfter(asked),
		"cut":           prefactortest.On(writes).Reply(503).RetryAfter(asked).CutBody(10),
		"cut 404":       prefactortest.On(writes).Reply(404).RetryAfter(asked).CutBody(10),
		"page":          prefactortest.On(writes).HTML(503).RetryAfter(asked),
		"broken":        prefactortest.On(writes).Malformed(503).RetryAfter(asked),
		"as a date":     prefactortest.On(writes).Reply(503).RetryAfterDate(asked),
		"in the body":   prefactortest.On(writes).Reply(503).RetryAfterMS(asked),
		"joined":        prefactortest.On(writes).Reply(503).Header("Retry-After", "30, 30"),
		"several":       prefactortest.On(writes).Reply(503).Header("Retry-After", "1, 30, 2"),
		"larger header": prefactortest.On(writes).Reply(503).RetryAfter(asked).RetryAfterMS(time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(fault)
				if err := write(t.Context(), s.retrying(perCall())); err != nil {
					t.Fatal(err)
				}
				at := sendTimes(s.fake)
				if len(at) != 2 || at[1] < asked || at[1] > asked*5/4+time.Second {
					t.Errorf("requests were sent at %s", at)
				}
			})
		})
		t.Run(name+", longer than MaxRetryDelay", func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				s.cfg.MaxRetryDelay = asked - 2*time.Second
				s.fake.Inject(fault)
				err := write(t.Context(), s.retrying(perCall()))
				exhausted, ok := errors.AsType[*errs.RetryExhaustedError](err)
				if !ok || exhausted.Reason != errs.ReasonRetryAfter || len(s.fake.Journal()) != 1 {
					t.Errorf("%d requests, %v", len(s.fake.Journal()), err)
				}
				if wait, _ := errs.RetryAfter(err); wait < asked-time.Second {
					t.Errorf("the error's RetryAfter is %s", wait)
				}
			})
		})
	}
}

// A body above the bound is cut on the client's side. It isn't fetched again, even
// under a status that is retried, and what its header asks for stands in the error.
func TestAResponseThatIsTooLargeIsFetchedOnce(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201, 400, 404, 429, 500, 503} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sent := 0
				base := baseFunc(func(*http.Request) (*http.Response, error) {
					sent++
					resp := answerWith(status, "application/json", io.NopCloser(strings.NewReader(strings.Repeat(" ", 2000))))
					resp.Header.Set("Retry-After", "30")
					return resp, nil
				})
				stack := middleware.Default(middleware.NewConfig("https://prefactor.test", "token")).Replace("envelope", middleware.Envelope(1000))
				err := write(t.Context(), newClient(t, stack, "https://prefactor.test", base))
				wait, _ := errs.RetryAfter(err)
				if sent != 1 || !errors.Is(err, errs.ErrTooLarge) || errors.Is(err, errs.ErrExhausted) || wait != 30*time.Second {
					t.Errorf("%d requests, a wait of %s: %v", sent, wait, err)
				}
			})
		})
	}
}

// Of everything that the server asked for in a call, the longest wait counts.
func TestNoLaterSendUndercutsARetryAfter(t *testing.T) {
	t.Parallel()
	const asked = 30 * time.Second
	hedge := middleware.Hedge(hedgepolicy.NewBuilderWithDelay[*http.Response](time.Second).WithMaxHedges(2).Build())
	for name, tt := range map[string]struct {
		edit   func(transport.Stack) transport.Stack
		faults []prefactortest.Fault
	}{
		"of a hedged request by the retry": {perAttempt(hedge), []prefactortest.Fault{
			prefactortest.On(writes).Reply(429).RetryAfter(asked).Delay(1500 * time.Millisecond),
			prefactortest.On(writes).Reply(503).Delay(3 * time.Second),
		}},
		"of a response that a foreign layer dropped": {onWire(foreignRetry("again")), []prefactortest.Fault{
			prefactortest.On(writes).Reply(429).RetryAfter(asked),
			prefactortest.On(writes).Reply(503),
		}},
		"of an earlier attempt by the next one": {perAttempt(), []prefactortest.Fault{
			prefactortest.On(writes).Reply(503).RetryAfter(asked).CutBody(5),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(tt.faults...)
				if err := write(t.Context(), s.retrying(tt.edit)); err != nil {
					t.Fatal(err)
				}
				at := sendTimes(s.fake)
				if last := at[len(at)-1]; last < asked {
					t.Errorf("requests were sent at %s", at)
				}
			})
		})
	}
}

// foreignRetry is a layer of another package that sends a request once more when
// it was refused, at once and without reading the response.
func foreignRetry(name string) transport.Layer {
	return transport.NewLayer(name, transport.Repeats, func(next http.RoundTripper) http.RoundTripper {
		return baseFunc(func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err != nil || resp.StatusCode != http.StatusTooManyRequests {
				return resp, err
			}
			_ = resp.Body.Close()
			again := req.Clone(req.Context())
			if again.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
			return next.RoundTrip(again)
		})
	})
}

// A hedge begins nothing while the server asks to wait.
func TestAHedgeKeepsToARetryAfter(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		hedge := middleware.Hedge(hedgepolicy.NewBuilderWithDelay[*http.Response](time.Second).WithMaxHedges(5).Build())
		s.fake.Inject(
			prefactortest.On(writes).Delay(20*time.Second),
			prefactortest.On(writes).Reply(429).RetryAfter(30*time.Second),
		)
		if err := write(t.Context(), s.client(perAttempt(hedge))); err != nil {
			t.Fatal(err)
		}
		if at := sendTimes(s.fake); len(at) != 2 {
			t.Errorf("requests were sent at %s, want two: the server asked to wait", at)
		}
	})
}

// The replay with a fresh token waits as the 401 asks, within reason.
func TestTheReplayOfARefusedRequestKeepsToARetryAfter(t *testing.T) {
	t.Parallel()
	for asked, replayed := range map[time.Duration]bool{5 * time.Second: true, time.Hour: false} {
		t.Run(asked.String(), func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				source, _ := refreshing("stale", prefactortest.Token)
				s.fake.Inject(prefactortest.On(writes).Reply(401).RetryAfter(asked))
				began := time.Now()
				err := write(t.Context(), s.client(s.withSource(source)))
				at := sendTimes(s.fake)
				switch {
				case replayed && (err != nil || len(at) != 2 || at[1] < asked):
					t.Errorf("requests were sent at %s, %v", at, err)
				case !replayed && (errs.KindOf(err) != errs.KindAuth || len(at) != 1 || time.Since(began) > 10*time.Second):
					t.Errorf("requests were sent at %s within %s, %v", at, time.Since(began), err)
				}
			})
		})
	}
}

// No number overflows into a short wait.
func TestWaitsDoNotOverflow(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	unbounded := func(cfg *middleware.Config) { cfg.MaxRetryDelay = math.MaxInt64 }
	refused := prefactortest.On(writes).Always().Reply(503)
	for name, tt := range map[string]struct {
		tune    func(*middleware.Config)
		fault   prefactortest.Fault
		retries int
		least   time.Duration // of the last wait
	}{
		"a Retry-After at the end of a Duration": {unbounded, refused.Header("Retry-After", "9223372036"), 1, 292 * year},
		"a large multiplier": {func(cfg *middleware.Config) {
			unbounded(cfg)
			cfg.RetryMultiplier = 1e300
		}, refused, 3, time.Minute},
		"a large multiplier below a bound": {func(cfg *middleware.Config) { cfg.RetryMultiplier = math.Inf(1) }, refused, 3, time.Minute},
		"a first delay of ages": {func(cfg *middleware.Config) {
			unbounded(cfg)
			cfg.InitialRetryDelay = math.MaxInt64
		}, refused, 1, year * 3 / 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cfg := middleware.NewConfig("http://localhost", prefactortest.Token)
				tt.tune(&cfg)
				cfg.MaxRetries = tt.retries
				fake := prefactortest.New(prefactortest.WithT(t))
				fake.Inject(tt.fault)
				client := newClient(t, middleware.Default(cfg), cfg.APIURL, fake.RoundTripper())
				failure, ok := errors.AsType[*errs.Error](write(t.Context(), client))
				if !ok || len(failure.Attempts) != tt.retries+1 {
					t.Fatalf("got %v", failure)
				}
				if wait := failure.Attempts[tt.retries-1].Wait; wait < tt.least {
					t.Errorf("the last wait is %s, want %s or more", wait, tt.least)
				}
			})
		})
	}
}

// Without a call there is no common memory, and the failure itself says how long.
func TestARetryAfterHoldsUnderAPlainClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		base := baseFunc(func(req *http.Request) (*http.Response, error) {
			at = append(at, time.Now())
			if len(at) > 1 {
				return succeeding(req)
			}
			body := io.MultiReader(strings.NewReader(`{"status":`), cutReader{})
			resp := answerWith(503, "application/json", io.NopCloser(body))
			resp.ContentLength = 100
			resp.Header.Set("Retry-After", fmt.Sprint(30))
			return resp, nil
		})
		resp := send(t, build(t, middleware.Default(middleware.NewConfig("https://prefactor.test", "token")), base))
		_ = resp.Body.Close()
		if len(at) != 2 || at[1].Sub(at[0]) < 30*time.Second {
			t.Errorf("requests were sent at %s", at)
		}
	})
}

// cutReader is where a body breaks off.
type cutReader struct{}

func (cutReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
