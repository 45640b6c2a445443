package middleware

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/hedgepolicy"

	"github.com/prefactordev/prefactor-go/transport"
)

// NewHedge returns a hedge policy for [Hedge] that sends a request once more
// when its answer takes longer than delay. Of all requests in progress a fifth
// may be such repetitions (three, if that is more), so that a slow server isn't
// sent twice what it is slow at. A good delay is the time within which 95 of 100
// answers come.
func NewHedge(delay time.Duration) hedgepolicy.HedgePolicy[*http.Response] {
	return hedgepolicy.NewBuilderWithDelay[*http.Response](delay).WithBudget(budget.New()).Build()
}

// Hedge returns the layer "hedge", which races slow requests: it sends a request
// once more while the first is still under way, and returns the first success
// or, if none succeeds, the failure that came last. When and how often is the
// policy's affair, which is yours and may be shared with other code; [NewHedge]
// makes one. What ends the race is the answer's verdict: leave the policy's
// CancelOn and CancelIf conditions unset.
//
// Only requests that the server acts on once at most are raced: with a safe
// method, an idempotency key, which all that is sent for a call shares, or a
// [transport.Call] that is replayable; and without a body, or with one that
// GetBody gives again. Any other request is sent once. A request that fails
// before the policy's delay isn't sent again: that is retry's affair.
//
// The losers are canceled and their answers closed; what they still run ends
// with their round trips, after the layer has returned. The winner's context
// lives until its body is closed. The server may have acted on a loser, so a
// call that fails in the end may have been applied. If a layer inside panics
// before the race has ended, Hedge panics in its place, with the same value.
//
// Position: anywhere; it repeats. Inside retry it races attempts, each retry
// anew. Outside retry it races calls with all their retries and waits, so that
// the waits count as slowness. What stands inside the hedge acts on each request
// sent; a breaker there doesn't count the losers.
//
// A success that isn't hedged costs 39 allocations and two goroutine switches
// more than without the layer.
func Hedge(policy hedgepolicy.HedgePolicy[*http.Response]) transport.Layer {
	if policy == nil {
		return noPolicy("hedge", "give a hedgepolicy.HedgePolicy, such as NewHedge(time.Second)").Repeating()
	}
	engine := failsafe.With[*http.Response](policy)
	return transport.NewLayer("hedge", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper {
		return &hedge{next: next, engine: engine}
	}).Repeating().Describe("races attempts inside retry, calls outside")
}

type hedge struct {
	next   http.RoundTripper
	engine failsafe.Executor[*http.Response]
}

var _ http.RoundTripper = (*hedge)(nil)

func (h *hedge) Unwrap() http.RoundTripper { return h.next }

func (h *hedge) CloseIdleConnections() { transport.CloseIdleConnections(h.next) }

// RoundTrip never changes req: each runner of a race sends a clone.
func (h *hedge) RoundTrip(req *http.Request) (*http.Response, error) {
	if !replayable(req) || !rewindable(req) {
		return h.next.RoundTrip(req)
	}
	r := &race{next: h.next, req: req}
	r.settled.L = &r.mu
	var result *runner
	defer func() { r.leave(result) }() // also when a function of the policy panics
	// The engine tells when to send; what is returned is the race's to tell.
	_, err := h.engine.WithContext(req.Context()).Get(r.run)
	if result = r.finish(); result == nil {
		return refuse(req, "hedge", err)
	}
	return result.hand()
}

// race is one request, sent by several runners.
type race struct {
	next http.RoundTripper
	req  *http.Request

	mu      sync.Mutex
	settled sync.Cond // there is a success, or nobody runs
	runners []*runner
	running int
	best    *runner // the success or, as long as there is none, the last failure
	won     bool    // best is a success, or a panic
	over    bool    // the result is taken: what comes now is discarded
}

// runner sends the race's request once.
type runner struct {
	ctx    context.Context
	cancel context.CancelCauseFunc

	resp     *http.Response
	err      error
	panicked any
}

// errLost is the cause with which a loser's context ends.
var errLost = errors.New("another request of the hedge was faster")

// run is one runner's work, in a goroutine of the engine's. The engine ends the
// race with the first result that it gets, so a failure is kept from it while
// others still run.
func (r *race) run() (*http.Response, error) {
	me, first := r.start()
	if me == nil {
		return nil, errLost
	}
	success := me.send(r, first)
	if loser := r.end(me, success); loser != nil {
		loser.discard()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.won && !r.over && r.running > 0 {
		r.settled.Wait()
	}
	if r.over {
		return nil, errLost
	}
	return r.best.resp, r.best.err
}

// start returns a new runner, nil if there is nothing left to win.
func (r *race) start() (me *runner, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.won || r.over {
		return nil, false
	}
	me = &runner{}
	me.ctx, me.cancel = context.WithCancelCause(r.req.Context())
	r.runners = append(r.runners, me)
	r.running++
	return me, len(r.runners) == 1
}

// send sends the request, and reports whether it succeeded.
func (me *runner) send(r *race, first bool) bool {
	defer func() { me.panicked = recover() }()
	req := r.req.Clone(me.ctx)
	if !first {
		if me.err = rewind(req); me.err != nil {
			return false
		}
	}
	me.resp, me.err = transport.Send(r.next, req)
	return verdict(req, me.resp, me.err) == nil
}

// end takes what came of a runner, and returns the one that is no longer
// needed, if any.
func (r *race) end(me *runner, success bool) (loser *runner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running--
	defer r.settled.Broadcast()
	if r.won || r.over {
		if me.panicked != nil {
			panic(me.panicked) // nobody is left to get it
		}
		return me
	}
	loser, r.best = r.best, me
	if success || me.panicked != nil {
		r.won = true
		r.cancelAllBut(me)
	}
	return loser
}

// finish ends the race and returns its result; nil if the policy let nobody
// run.
func (r *race) finish() *runner {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	return r.best
}

// leave frees everything but the result.
func (r *race) leave(result *runner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	r.cancelAllBut(result)
	r.settled.Broadcast()
	if r.best != nil && r.best != result {
		r.best.discard()
	}
}

// cancelAllBut cancels the others. It requires r.mu.
func (r *race) cancelAllBut(me *runner) {
	for _, other := range r.runners {
		if other != me {
			other.cancel(errLost)
		}
	}
}

// hand gives the result to the layers outside. Its context lives until its body
// is closed.
func (me *runner) hand() (*http.Response, error) {
	switch {
	case me.panicked != nil:
		me.cancel(nil)
		panic(me.panicked)
	case inMemory(me.resp):
		me.cancel(nil)
	default:
		me.resp.Body = onClose(me.resp.Body, func() { me.cancel(nil) })
	}
	return me.resp, me.err
}

// discard closes a response that nobody gets.
func (me *runner) discard() {
	discard(me.resp)
	me.cancel(nil)
}
