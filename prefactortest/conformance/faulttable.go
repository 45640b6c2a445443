package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
)

// TestFaults runs the fault table on a stack: each way in which a call can fail,
// and how it must end. Each row creates one span through a [transport.Client] on
// the stack, against its own [prefactortest.Fake].
//
// Most rows run in virtual time, over a [prefactortest.Pipe]. Resets, refused
// connections and redirects run over TCP, with waits of milliseconds. In every
// row:
//
//   - A call that succeeded was applied exactly once. One that failed was applied
//     at most once, and not at all if [errs.MaybeApplied] is false.
//   - All requests of the call carry the same key.
//   - Every body is closed, and no goroutine is left.
//   - No error shows the token.
func TestFaults(t *testing.T, build Build, options ...SuiteOption) {
	s := newSuite("TestFaults", t, build, options)
	s.checkReach(t)
	s.testFaults(t)
}

func (s *suite) testFaults(t *testing.T) {
	for _, row := range faultTable() {
		if s.ownAuth && row.status == http.StatusUnauthorized {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			s.inBubble(t, func(t *testing.T) { s.runRow(t, row) })
		})
	}
	t.Run("a thousand calls canceled in flight", func(t *testing.T) {
		s.inBubble(t, s.cancelMany)
	})
	s.runTCP(t)
}

// faultRow is one row of the fault table.
type faultRow struct {
	name   string
	faults []prefactortest.Fault
	tune   func(*middleware.Config)

	deadline time.Duration // of the caller's context; 0 for none
	cancel   time.Duration // when the caller cancels; 0 for never

	requests    int           // that the server must get
	connections int           // that they must use; 0 for any number
	waits       time.Duration // how long the call must take, give or take a quarter
	exactly     bool          // it must take exactly waits
	ask         time.Duration // the wait that the server asks for in its first response
	askInBody   bool          // not in a header

	is     []error // what the error must match; empty for a success
	not    []error // what it must not match
	status int     // of the APIError; 0 for any error or none
	check  func(*errs.Error) (broken invariant, problem string)
	policy bool // how it ends depends on the retry policy

	holds invariant // the invariant of is, not, status and requests; "" for holdsRepeats
}

const spanCreate = "agent_spans.create"

func faultTable() []faultRow {
	const (
		backoff1 = time.Second
		backoff2 = 3 * time.Second // 1 + 2
		backoff3 = 7 * time.Second // 1 + 2 + 4
	)
	type faults = []prefactortest.Fault
	create := prefactortest.On(spanCreate)
	always := func(f prefactortest.Fault) faults { return faults{f.Always()} }
	return []faultRow{
		{name: "no fault", requests: 1, connections: 1, exactly: true},
		{name: "503 twice, then success", faults: faults{create.Times(2).Reply(503)},
			requests: 3, connections: 1, waits: backoff2},
		{name: "503 always", faults: always(create.Reply(503)),
			requests: 4, connections: 1, waits: backoff3, is: []error{errs.ErrExhausted}, status: 503},
		{name: "501 isn't retried", faults: faults{create.Reply(501)},
			requests: 1, exactly: true, not: []error{errs.ErrExhausted}, status: 501},
		{name: "422 isn't retried", faults: faults{create.Reply(422)},
			requests: 1, exactly: true, is: []error{errs.ErrValidation}, not: []error{errs.ErrExhausted}, status: 422, check: notApplied},
		{name: "409 isn't retried", faults: faults{create.Reply(409)},
			requests: 1, exactly: true, is: []error{errs.ErrConflict}, not: []error{errs.ErrExhausted}, status: 409, check: notApplied},
		{name: "401 isn't retried with a fixed token", faults: faults{create.Reply(401)},
			requests: 1, exactly: true, is: []error{errs.ErrAuth}, not: []error{errs.ErrExhausted}, status: 401, check: notApplied},
		{name: "429 with Retry-After in seconds", faults: faults{create.Reply(429).RetryAfter(7 * time.Second)},
			requests: 2, connections: 1, waits: 7 * time.Second, ask: 7 * time.Second},
		{name: "429 with Retry-After as a date", faults: faults{create.Reply(429).RetryAfterDate(7 * time.Second)},
			requests: 2, waits: 7 * time.Second, ask: 7 * time.Second},
		{name: "429 with retry_after_ms", faults: faults{create.Reply(429).RetryAfterMS(7 * time.Second)},
			requests: 2, waits: 7 * time.Second, ask: 7 * time.Second, askInBody: true},
		{name: "503 with Retry-After", faults: faults{create.Reply(503).RetryAfter(7 * time.Second)},
			requests: 2, waits: 7 * time.Second, ask: 7 * time.Second},
		{name: "429 with Retry-After beyond the deadline", faults: faults{create.Reply(429).RetryAfter(time.Hour)},
			tune: longWaits, deadline: 1500 * time.Millisecond, ask: time.Hour, policy: true, holds: holdsWaits,
			requests: 1, exactly: true, is: []error{errs.ErrExhausted, errs.ErrRateLimited}, not: []error{context.DeadlineExceeded}, status: 429, check: notApplied},
		{name: "429 with retry_after_ms beyond the deadline", faults: faults{create.Reply(429).RetryAfterMS(time.Hour)},
			tune: longWaits, deadline: 1500 * time.Millisecond, ask: time.Hour, askInBody: true, policy: true, holds: holdsWaits,
			requests: 1, exactly: true, is: []error{errs.ErrExhausted, errs.ErrRateLimited}, not: []error{context.DeadlineExceeded}, status: 429, check: notApplied},
		{name: "429 with Retry-After above MaxRetryDelay", faults: faults{create.Reply(429).RetryAfter(time.Hour)},
			ask: time.Hour, holds: holdsWaits,
			requests: 1, exactly: true, is: []error{errs.ErrExhausted, errs.ErrRateLimited}, status: 429,
			check: func(e *errs.Error) (invariant, string) {
				if wait, ok := errs.RetryAfter(e); !ok || wait != time.Hour {
					return holdsWaits, fmt.Sprintf("the error's RetryAfter is %s, want 1h", wait)
				}
				return "", ""
			}},
		{name: "HTML under 503, then success", faults: faults{create.HTML(503)},
			requests: 2, connections: 1, waits: backoff1},
		{name: "HTML under 503 always", faults: always(create.HTML(503)),
			requests: 4, waits: backoff3, is: []error{errs.ErrExhausted, errs.ErrContract}},
		{name: "malformed 503, then success", faults: faults{create.Malformed(503)},
			requests: 2, waits: backoff1},
		{name: "malformed 200", faults: faults{create.Malformed(200)},
			requests: 1, exactly: true, is: []error{errs.ErrContract}, not: []error{errs.ErrExhausted}, check: maybeApplied},
		{name: "HTML under 200", faults: faults{create.HTML(200)},
			requests: 1, exactly: true, is: []error{errs.ErrContract}, not: []error{errs.ErrExhausted}, check: maybeApplied},
		{name: "wrong envelope under 200", faults: faults{create.WrongEnvelope(200)},
			requests: 1, exactly: true, is: []error{errs.ErrContract}, not: []error{errs.ErrExhausted}, check: maybeApplied},
		{name: "a document that ends early, then success", faults: faults{create.Reply(200).Body(`{"status":"success","details":{"id":`)},
			requests: 2, waits: backoff1},
		{name: "a document that ends early under 422, then success", faults: faults{create.Reply(422).Body(`{"status":"error","code":"valid`)},
			requests: 2, waits: backoff1},
		{name: "a document that always ends early", faults: always(create.Reply(200).Body(`{`)),
			requests: 4, waits: backoff3, is: []error{errs.ErrExhausted, errs.ErrNetwork}, check: maybeApplied},
		{name: "body cut, then success", faults: faults{create.CutBody(40)},
			requests: 2, waits: backoff1},
		{name: "body always cut", faults: always(create.CutBody(40)),
			requests: 4, waits: backoff3, is: []error{errs.ErrExhausted, errs.ErrNetwork}, check: maybeApplied},
		{name: "body of a 404 cut, then success", faults: faults{create.Reply(404).CutBody(10)},
			requests: 2, waits: backoff1},
		{name: "attempt timeout, then success", faults: faults{create.Hang()}, tune: shortAttempts,
			requests: 2, waits: 5*time.Second + backoff1},
		{name: "attempt timeout always", faults: always(create.Hang()), tune: shortAttempts,
			requests: 4, waits: 4*5*time.Second + backoff3, is: []error{errs.ErrExhausted, errs.ErrNetwork},
			not: []error{context.DeadlineExceeded, context.Canceled, errs.ErrCanceled}, check: timedOut},
		{name: "attempt timeout within the body, then success", faults: faults{create.Stall(time.Hour)}, tune: shortAttempts,
			requests: 2, waits: 5*time.Second + backoff1},
		{name: "backoff longer than the deadline", faults: always(create.Reply(503)), deadline: 500 * time.Millisecond, policy: true, holds: holdsWaits,
			requests: 1, exactly: true, is: []error{errs.ErrExhausted}, not: []error{context.DeadlineExceeded}, status: 503},
		{name: "second backoff longer than the deadline", faults: always(create.Reply(503)), deadline: 2200 * time.Millisecond, policy: true, holds: holdsWaits,
			requests: 2, waits: backoff1, is: []error{errs.ErrExhausted}, not: []error{context.DeadlineExceeded}, status: 503},
		{name: "cancel in a wait", faults: always(create.Reply(503)), cancel: 500 * time.Millisecond, policy: true, holds: holdsWaits,
			requests: 1, waits: 500 * time.Millisecond, exactly: true,
			is: []error{errs.ErrCanceled, context.Canceled, errStop}, not: []error{errs.ErrExhausted}, status: 503},
		{name: "cancel in flight", faults: always(create.Hang()), cancel: 500 * time.Millisecond, holds: holdsWaits,
			requests: 1, waits: 500 * time.Millisecond, exactly: true,
			is: []error{errs.ErrCanceled, context.Canceled, errStop}, not: []error{errs.ErrExhausted}, check: maybeApplied},
		{name: "cancel within the body", faults: always(create.Stall(time.Hour)), cancel: 500 * time.Millisecond, holds: holdsWaits,
			requests: 1, waits: 500 * time.Millisecond, exactly: true,
			is: []error{errs.ErrCanceled, context.Canceled}, check: maybeApplied},
		{name: "deadline in flight", faults: always(create.Hang()), deadline: 500 * time.Millisecond, holds: holdsWaits,
			requests: 1, waits: 500 * time.Millisecond, exactly: true,
			is: []error{errs.ErrCanceled, context.DeadlineExceeded}, not: []error{errs.ErrExhausted}, check: maybeApplied},
		{name: "reset before the commit", faults: faults{create.ResetBefore()},
			requests: 2, connections: 2, waits: backoff1},
		{name: "reset after the commit", faults: faults{create.ResetAfter()},
			requests: 2, connections: 2, waits: backoff1},
		{name: "reset always", faults: always(create.ResetAfter()),
			requests: 4, waits: backoff3, is: []error{errs.ErrExhausted, errs.ErrNetwork}, check: maybeApplied},
		{name: "a 503 of 2 MB", faults: always(create.Reply(503).Body(`{"filler":"` + strings.Repeat("x", 2<<20) + `"}`)), holds: holdsBound,
			requests: 1, exactly: true, is: []error{errs.ErrContract, errs.ErrTooLarge}, not: []error{errs.ErrExhausted}, check: maybeApplied},
		{name: "a response of 200 MB", faults: faults{create.Oversized(200 << 20)}, holds: holdsBound,
			requests: 1, exactly: true, is: []error{errs.ErrContract, errs.ErrTooLarge}, not: []error{errs.ErrExhausted}, check: maybeApplied},
	}
}

// errStop is the cause of the table's cancellations.
var errStop = errors.New("stop")

func longWaits(cfg *middleware.Config) { cfg.MaxRetryDelay = 2 * time.Hour }

func shortAttempts(cfg *middleware.Config) { cfg.RequestTimeout = 5 * time.Second }

func maybeApplied(e *errs.Error) (invariant, string) {
	if !errs.MaybeApplied(e) {
		return holdsOnce, "MaybeApplied is false, but the server may have acted on the call"
	}
	return "", ""
}

func notApplied(e *errs.Error) (invariant, string) {
	if errs.MaybeApplied(e) {
		return holdsOnce, "MaybeApplied is true, but the server refused the call"
	}
	return "", ""
}

func timedOut(e *errs.Error) (invariant, string) {
	if !e.Timeout() {
		return holdsWaits, "the error's Timeout is false"
	}
	return "", ""
}

// runRow runs one row in a bubble of virtual time.
func (s *suite) runRow(t *testing.T, row faultRow) {
	fake := s.fake(t)
	pipe := fake.Pipe()
	defer pipe.Close()
	r := s.rig(t, fake, pipe.URL, pipe.Transport(), row.tune)
	defer r.client.CloseIdleConnections()

	ctx := t.Context()
	if row.deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, row.deadline)
		defer cancel()
	}
	if row.cancel > 0 {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		defer time.AfterFunc(row.cancel, func() { cancel(errStop) }).Stop()
	}
	fake.Inject(row.faults...)
	if s.hedged {
		defer fake.Heal()
	}
	began := time.Now()
	err := r.create(ctx)
	elapsed := time.Since(began)
	synctest.Wait() // for a hedge's losers
	journal := of(spanCreate, fake.Journal())
	s.checkResult(t, row, journal, err)
	s.checkTraffic(t, row, journal, fake.Connections(), elapsed)
	r.checkInvariants(t, err)
}

// checkResult compares the call's error with the row's.
func (s *suite) checkResult(t *testing.T, row faultRow, journal []prefactortest.Exchange, err error) {
	t.Helper()
	wrong := func(format string, args ...any) {
		t.Helper()
		broken(t, cmp.Or(row.holds, holdsRepeats), journal, format+": %v", append(args, err)...)
	}
	if err == nil && s.ownRetry {
		return
	}
	succeeds := len(row.is) == 0 && row.status == 0
	if succeeds && !s.ownRetry {
		if err != nil {
			wrong("the call failed")
		}
		return
	}
	failure, ok := errors.AsType[*errs.Error](err)
	if !ok {
		wrong("the error is %T, want an *errs.Error", err)
		return
	}
	if s.ownRetry && (succeeds || row.policy) {
		return
	}
	for _, want := range row.is {
		if !errors.Is(err, want) && !s.owns(want) {
			wrong("the error doesn't match %q", want)
		}
	}
	for _, unwanted := range row.not {
		if errors.Is(err, unwanted) && !s.owns(unwanted) {
			wrong("the error matches %q", unwanted)
		}
	}
	if row.status != 0 {
		if api, ok := errors.AsType[*errs.APIError](err); !ok || api.Status != row.status {
			wrong("the error isn't an APIError of status %d", row.status)
		}
	}
	if row.check != nil {
		if what, problem := row.check(failure); problem != "" {
			broken(t, what, journal, "%s: %v", problem, err)
		}
	}
}

// owns reports whether it is the stack's own policy that an error matches
// target.
func (s *suite) owns(target error) bool { return s.ownRetry && target == errs.ErrExhausted }

// checkTraffic compares the requests, connections and time with the row's.
func (s *suite) checkTraffic(t *testing.T, row faultRow, journal []prefactortest.Exchange, connections int, elapsed time.Duration) {
	t.Helper()
	if s.hedged {
		return
	}
	if row.ask > 0 && len(journal) > 1 && !(row.askInBody && s.ownRetry) {
		if wait := journal[1].Time.Sub(journal[0].Time); wait < row.ask {
			broken(t, holdsWaits, journal, "the server asked for a wait of %s, and got the next request after %s", row.ask, wait)
		}
	}
	if end := cmp.Or(row.cancel, row.deadline); end > 0 && elapsed > end {
		broken(t, holdsWaits, journal, "the call took %s, its context ended after %s", elapsed, end)
		return
	}
	free := s.ownRetry && row.faults != nil
	if n := len(journal); n != row.requests && !free {
		broken(t, cmp.Or(row.holds, holdsRepeats), journal, "the server got %d requests, want %d", n, row.requests)
		return
	}
	if connections != row.connections && (row.connections == 1 || row.connections > 1 && !free) {
		broken(t, holdsBodies, journal, "the requests used %d connections, want %d", connections, row.connections)
	}
	if free {
		return
	}
	least, most := row.waits*3/4, row.waits*5/4
	if row.exactly {
		least, most = row.waits, row.waits
	}
	if elapsed < least || elapsed > most {
		broken(t, holdsWaits, journal, "the call took %s, want %s to %s", elapsed, least, most)
	}
}

// cancelMany cancels a thousand calls in flight. The bubble finds leaked
// goroutines.
func (s *suite) cancelMany(t *testing.T) {
	fake := s.fake(t)
	pipe := fake.Pipe()
	defer pipe.Close()
	r := s.rig(t, fake, pipe.URL, pipe.Transport(), nil)
	defer r.client.CloseIdleConnections()
	fake.Inject(prefactortest.On(spanCreate).Always().Hang())

	ctx, cancel := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	var wrong atomic.Int32
	for range 1000 {
		calls.Go(func() {
			if err := r.create(ctx); !errors.Is(err, context.Canceled) {
				wrong.Add(1)
			}
		})
	}
	time.AfterFunc(time.Second, cancel)
	calls.Wait()
	if n := wrong.Load(); n > 0 {
		broken(t, holdsWaits, nil, "%d of 1000 canceled calls didn't end in context.Canceled", n)
	}
	if open := r.base.open.Load(); open != 0 {
		broken(t, holdsBodies, nil, "%d response bodies of 1000 canceled calls are open", open)
	}
}
