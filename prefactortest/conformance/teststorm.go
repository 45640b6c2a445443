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

// TestStorm runs a storm over a stack: it creates spans and finishes them, from
// 32 goroutines, while 30 % of the requests go wrong as [prefactortest.Storm] has it, drawn
// with a seed. It runs in memory, and then over TCP with a twentieth of the
// spans; its retries wait some milliseconds. With -short it takes a tenth of the
// spans.
//
// Each call that succeeded must be there once, and each that failed once at most,
// and not at all if [errs.MaybeApplied] says so; each caller must have its own
// answer; no two calls may have the same key, and no call two; and no body and no
// goroutine is left.
func TestStorm(t *testing.T, build Build, spans int, options ...SuiteOption) {
	s := newSuite(build, options)
	if testing.Short() {
		spans /= 10
	}
	t.Run("in memory", func(t *testing.T) {
		watchGoroutines(func(strays func() []string) {
			fake := prefactortest.New()
			s.rig(t, fake, "http://localhost", fake.RoundTripper(), milliseconds).storm(t, s, spans)
			checkStrays(t, strays)
		})
	})
	t.Run("over TCP", func(t *testing.T) {
		watchGoroutines(func(strays func() []string) {
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

// checkStrays looks for goroutines that are left. It asks more than once: those
// of connections and of losers end by themselves, but not at once.
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

// milliseconds makes the waits of a policy short, for tests on real time.
func milliseconds(cfg *middleware.Config) {
	cfg.InitialRetryDelay, cfg.MaxRetryDelay = time.Millisecond, 5*time.Millisecond
}

// A stormCall is one call in a storm, and how it ended.
type stormCall struct {
	key           string
	err           error
	number, other string // of its span, and of the one in its answer
}

// A numberedSpan is the document of a span with the number that a storm gave it.
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

// storm creates and finishes spans while everything goes wrong.
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
			}
		})
	}
	callers.Wait()
	r.fake.Heal()
	r.checkStorm(t, s, calls)
	if open := r.base.open.Load(); open != 0 {
		broken(t, holdsBodies, nil, "%d answers are open after the storm", open)
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

// checkStorm holds what the callers were told against what the server did.
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
			broken(t, holdsKey, exchanges[call.key], "two calls have the same")
			return
		}
		known[call.key] = true
	}
	for key, shown := range exchanges {
		if !known[key] {
			broken(t, holdsKey, shown, "requests went out under a key that no call has")
			return
		}
	}
	for _, call := range calls {
		if !r.checkStormCall(t, s, call, exchanges[call.key]) {
			return // one is enough to read
		}
	}
}

// checkStormCall looks at one call, and reports whether all is well.
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
		broken(t, holdsOnce, shown, "a call succeeded, and was carried out %d times", times)
	case times > 1:
		broken(t, holdsOnce, shown, "a call was carried out %d times, and failed: %v", times, call.err)
	case call.err != nil && times == 1 && !errs.MaybeApplied(call.err):
		broken(t, holdsOnce, shown, "MaybeApplied is false, but the call was carried out: %v", call.err)
	case call.number != call.other:
		broken(t, holdsConcurrent, shown, "a call for span %s got the answer for span %s", call.number, call.other)
	case !s.hedged && call.err != nil && !errors.Is(call.err, errs.ErrExhausted):
		broken(t, holdsRepeats, shown, "a call was given up early: %v", call.err)
	}
	r.checkError(t, shown, call.err)
	return failed || !t.Failed()
}
