package conformance

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// TestStorm creates and finishes spans from 32 goroutines, while the faults of
// [prefactortest.Storm] strike 30 % of the requests. The faults are drawn with a
// fixed seed. The storm runs in memory, and then over TCP with a twentieth of
// the spans, but at least 32. With -short it uses a tenth of the spans. Retries
// wait for a few milliseconds.
//
// It checks that
//
//   - a call that succeeded was applied once, and one that failed at most once,
//     and not at all if [errs.MaybeApplied] is false
//   - each call gets its own response
//   - each call has one key, and no other call has the same
//   - no body stays open, and no goroutine is left
func TestStorm(t *testing.T, build Build, spans int, options ...SuiteOption) {
	s := newSuite("TestStorm", t, build, options)
	s.checkReach(t)
	s.testStorm(t, spans)
}

func (s *suite) testStorm(t *testing.T, spans int) {
	if testing.Short() {
		spans /= 10
	}
	t.Run("in memory", func(t *testing.T) {
		s.watched(t, func(strays func() []string) {
			fake := prefactortest.New()
			s.rig(t, fake, "http://localhost", fake.RoundTripper(), milliseconds).storm(t, s, spans)
			checkStrays(t, strays)
		})
	})
	t.Run("over TCP", func(t *testing.T) {
		s.watched(t, func(strays func() []string) {
			server, err := prefactortest.New().Listen("127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			base := &http.Transport{MaxIdleConnsPerHost: stormCallers}
			s.rig(t, server.Fake, server.URL, base, milliseconds).storm(t, s, max(spans/20, stormCallers))
			base.CloseIdleConnections()
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			checkStrays(t, strays)
		})
	})
}

// checkStrays fails the test if goroutines are left. Those of connections and
// of a hedge's losers get 5 seconds to end.
func checkStrays(t *testing.T, strays func() []string) {
	t.Helper()
	const patience = 5 * time.Second
	left := strays()
	for began := time.Now(); len(left) > 0 && time.Since(began) < patience; left = strays() {
		time.Sleep(time.Millisecond)
	}
	if len(left) > 0 {
		broken(t, holdsConcurrent, nil, "%d goroutines are left, one in %s", len(left), left[0])
	}
}

const (
	stormCallers = 32
	stormRate    = 0.3
)

// milliseconds shortens the waits between attempts, for tests in real time.
func milliseconds(cfg *middleware.Config) {
	cfg.InitialRetryDelay, cfg.MaxRetryDelay = time.Millisecond, 5*time.Millisecond
}

// A stormCall is one call in a storm and its result.
type stormCall struct {
	key           string
	err           error
	number, other string // of its span, and of the span in its response
}

// A numberedSpan is a response with a span and the number that the storm gave
// it.
type numberedSpan struct {
	Details struct {
		ID      string `json:"id"`
		Payload struct {
			Number string `json:"number"`
		} `json:"payload"`
	} `json:"details"`
}

// Check implements [transport.Checker].
func (d *numberedSpan) Check(jsontext.Value) error {
	if d.Details.ID == "" {
		return errors.New("its document has no details")
	}
	return nil
}

const spanFinish = "agent_spans.finish"

var (
	opStormCreate = transport.NewOp[numberedSpan](spanCreate, http.MethodPost, "/agent_spans")
	opStormFinish = transport.NewOp[numberedSpan](spanFinish, http.MethodPost, "/agent_spans/{id}/finish")
)

// storm creates and finishes spans under random faults.
func (r *rig) storm(t *testing.T, s *suite, spans int) {
	t.Helper()
	r.fake.Inject(prefactortest.Storm(stormRate)...)
	var mu sync.Mutex
	var calls []stormCall
	var callers sync.WaitGroup
	for caller := range stormCallers {
		callers.Go(func() {
			for n := caller; n < spans; n += stormCallers {
				mine := r.stormSpan(t.Context(), strconv.Itoa(n))
				mu.Lock()
				calls = append(calls, mine...)
				mu.Unlock()
				s.dog.at("the storm")
			}
		})
	}
	callers.Wait()
	r.fake.Heal()
	r.checkStorm(t, s, calls)
	if open := r.base.open.Load(); open != 0 {
		broken(t, holdsBodies, nil, "%d response bodies are open after the storm", open)
	}
}

// stormSpan creates a span and, if that succeeds, finishes it.
func (r *rig) stormSpan(ctx context.Context, number string) (calls []stormCall) {
	do := func(op *transport.Op[numberedSpan], in transport.Input) *numberedSpan {
		var meta transport.Meta
		span, err := op.Do(ctx, r.client, in, transport.WithMeta(&meta))
		call := stormCall{key: meta.Key, err: err, number: number, other: number}
		if failure, ok := errors.AsType[*errs.Error](err); ok {
			call.key = failure.Key
		} else {
			call.other = span.Details.Payload.Number
		}
		calls = append(calls, call)
		return span
	}
	span := do(opStormCreate, transport.Input{Body: map[string]any{"details": map[string]any{
		"agent_instance_id": r.instance, "schema_name": "llm", "status": "active", "payload": map[string]any{"number": number},
	}}})
	if span != nil {
		do(opStormFinish, transport.Input{Values: []string{span.Details.ID}, Body: map[string]any{"status": "complete"}})
	}
	return calls
}

// checkStorm compares the results of the calls with the server's journal.
func (r *rig) checkStorm(t *testing.T, s *suite, calls []stormCall) {
	t.Helper()
	exchanges := make(map[string][]prefactortest.Exchange)
	for _, x := range r.fake.Journal() {
		if x.Operation == spanCreate || x.Operation == spanFinish {
			exchanges[x.Key] = append(exchanges[x.Key], x)
			if x.Key == "" || x.HeaderKey != x.BodyKey {
				broken(t, holdsKey, []prefactortest.Exchange{x}, "a request carries the key %q in its header and %q in its body", x.HeaderKey, x.BodyKey)
				return
			}
		}
	}
	known := make(map[string]bool)
	for _, call := range calls {
		if known[call.key] {
			broken(t, holdsKey, exchanges[call.key], "two calls have the same key")
			return
		}
		known[call.key] = true
	}
	for key, shown := range exchanges {
		if !known[key] {
			broken(t, holdsKey, shown, "requests were sent with a key that no call has")
			return
		}
	}
	for _, call := range calls {
		if !r.checkStormCall(t, s, call, exchanges[call.key]) {
			return // one failure is enough
		}
	}
}

// checkStormCall checks one call, and reports whether it found nothing wrong.
func (r *rig) checkStormCall(t *testing.T, s *suite, call stormCall, shown []prefactortest.Exchange) bool {
	t.Helper()
	times := 0
	for _, x := range shown {
		if x.Committed {
			times++
		}
	}
	failed := t.Failed()
	switch {
	case call.err == nil && times != 1:
		broken(t, holdsOnce, shown, "a call succeeded, and was applied %d times", times)
	case times > 1:
		broken(t, holdsOnce, shown, "a call failed, and was applied %d times: %v", times, call.err)
	case call.err != nil && times == 1 && !errs.MaybeApplied(call.err):
		broken(t, holdsOnce, shown, "MaybeApplied is false, but the call was applied: %v", call.err)
	case call.number != call.other:
		broken(t, holdsConcurrent, shown, "a call for span %s got the response for span %s", call.number, call.other)
	case !s.hedged && !s.ownRetry && call.err != nil && !errors.Is(call.err, errs.ErrExhausted):
		broken(t, holdsRepeats, shown, "a call failed before its attempts were used up: %v", call.err)
	}
	r.checkError(t, shown, call.err)
	return failed || !t.Failed()
}
