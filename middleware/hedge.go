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

// NewHedge returns a hedge policy for [Hedge] that sends a request once more if
// its response takes longer than delay. At most a fifth of the requests in
// progress may be such repetitions, or three if that is more, so that a slow
// server doesn't get twice the load. A good delay is the time within which 95
// of 100 responses arrive.
func NewHedge(delay time.Duration) hedgepolicy.HedgePolicy[*http.Response] {
	return hedgepolicy.NewBuilderWithDelay[*http.Response](delay).WithBudget(budget.New()).Build()
}

// Hedge returns the layer "hedge", which races slow requests: it sends a
// request once more while the first is still in flight, and returns the first
// success or, if none succeeds, the last failure. The policy sets when and how
// often. You own it and may share it with other code; [NewHedge] makes one. The
// outcome of a request ends the race: leave the policy's CancelOn and CancelIf
// conditions unset.
//
// Only requests that the server acts on at most once are raced, as
// [transport.CanRepeat] reports, and only without a body or with GetBody. Any
// other request is sent once. A request that fails before the policy's delay
// isn't sent again: that is left to retry. None is sent while the server asks
// to wait.
//
// The losers are canceled and their responses closed; their round trips may end
// after the layer has returned. The winner's context lives until its body is
// closed. The server may have acted on a loser, so a call that fails in the end
// may have been applied. If a layer inside panics before the race has ended,
// Hedge panics with the same value.
//
// Position: anywhere; it repeats. Inside retry it races attempts, each retry
// anew. Outside retry it races calls with all their retries and waits, so that
// the waits count as slowness. Layers inside the hedge act on each request that
// is sent; a breaker there doesn't count the losers.
//
// A success that isn't hedged costs 39 allocations and two goroutine switches.
func Hedge(policy hedgepolicy.HedgePolicy[*http.Response]) transport.Layer {
	if policy == nil {
		return noPolicy("hedge", transport.Repeats, "give a hedgepolicy.HedgePolicy, such as NewHedge(time.Second)")
	}
	h := &hedge{engine: failsafe.With[*http.Response](policy)}
	return transport.NewLayerFunc("hedge", transport.Repeats, h.send).Describe("races attempts inside retry, calls outside")
}

type hedge struct {
	engine failsafe.Executor[*http.Response]
}

// send starts a race, in which each runner sends a clone.
func (h *hedge) send(req *http.Request, next transport.Next) (*http.Response, error) {
	if !transport.CanRepeat(req) || !rewindable(req) {
		return next(req)
	}
	r := &race{next: next, req: req, over: make(chan struct{})}
	r.runners = r.usual[:0]
	defer r.leave() // also if a function of the policy panics
	// The engine decides when to send; the race decides the result.
	_, err := h.engine.WithContext(req.Context()).Get(r.run)
	switch result := r.leave(); {
	case result != nil:
		return result.hand()
	case req.Context().Err() != nil:
		return endWait(req)
	}
	return refuse(req, "hedge", err)
}

// race is one request, sent by several runners.
type race struct {
	next transport.Next
	req  *http.Request
	over chan struct{} // closed when the result is final

	mu      sync.Mutex
	isOver  bool
	runners []*runner
	usual   [2]*runner // memory for runners
	running int
	result  *runner // a success or a panic, otherwise the last failure
}

// runner sends the race's request once.
type runner struct {
	ctx    context.Context
	cancel context.CancelCauseFunc

	resp     *http.Response
	err      error
	panicked any
}

// errLost is the cause of the cancellation of a loser.
var errLost = errors.New("another request of the hedge was faster")

// run runs one runner, in a goroutine of the engine. The engine takes the first
// result that it gets, so each runner returns only when the race is over:
// failures are held back while others run.
func (r *race) run() (*http.Response, error) {
	if me, first := r.start(); me != nil {
		succeeded := me.send(r, first)
		if loser := r.finish(me, succeeded); loser != nil {
			loser.discard()
		}
	}
	<-r.over
	return nil, errLost
}

// start returns a new runner, or nil if nothing is to be sent.
func (r *race) start() (me *runner, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first = len(r.runners) == 0
	if r.isOver || !first && transport.CallFrom(r.req.Context()).RetryAfter() > 0 {
		return nil, false
	}
	me = &runner{}
	me.ctx, me.cancel = context.WithCancelCause(r.req.Context())
	r.runners = append(r.runners, me)
	r.running++
	return me, first
}

// send sends the request, and reports whether it succeeded.
func (me *runner) send(r *race, first bool) (succeeded bool) {
	defer func() { me.panicked = recover() }()
	req := r.req.Clone(me.ctx)
	if !first {
		if me.err = rewind(req); me.err != nil {
			return false
		}
	}
	me.resp, me.err = r.next(req)
	return transport.Outcome(req, me.resp, me.err) == nil
}

// finish takes the runner's result, and returns the runner that is no longer
// needed, if any. The first success or panic ends the race, or the failure of
// the last runner.
func (r *race) finish(me *runner, succeeded bool) (loser *runner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running--
	if r.isOver {
		if me.panicked != nil {
			panic(me.panicked) // nothing waits for it any more
		}
		return me
	}
	loser, r.result = r.result, me
	if succeeded || me.panicked != nil || r.running == 0 {
		r.end()
	}
	return loser
}

// leave ends the race, if it isn't over yet, and returns its result, or nil if
// there is none.
func (r *race) leave() *runner {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end()
	return r.result
}

// end makes the result final and cancels all other runners. The caller holds
// r.mu.
func (r *race) end() {
	if r.isOver {
		return
	}
	r.isOver = true
	close(r.over)
	for _, other := range r.runners {
		if other != r.result {
			other.cancel(errLost)
		}
	}
}

// hand returns the result to the layers outside. Its context lives until its
// body is closed.
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

// discard closes a response that is not returned.
func (me *runner) discard() {
	discard(me.resp)
	me.cancel(nil)
}
