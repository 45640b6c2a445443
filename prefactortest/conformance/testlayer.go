package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/transport"
)

// TestLayer tests that a layer keeps the rules by which layers get along with
// each other, with net/http and with whoever sends the request. Each rule that
// the layer breaks fails the test with one sentence, which names the rule and
// what was seen:
//
//   - A request is never changed for its owner, and isn't touched once it was
//     handed on.
//   - Every request body is closed, also where nothing is sent, and every
//     response body that isn't returned.
//   - A body is sent again only from GetBody; one without it is sent once. Body,
//     GetBody and ContentLength go together. A caller's idempotency key stays.
//   - A response comes back without an error, an error without a response. An
//     error status is a response.
//   - What comes back is what came: status, header and bytes. A broken body
//     doesn't look whole, a stream isn't held back, and the body of a 101 can be
//     written to.
//   - The end of the context ends the request, at once. No goroutine outlives
//     it.
//   - The error of the inner round tripper is in the layer's own, and no secret
//     of the request is. A panic passes through, and frees what was held.
//   - CloseIdleConnections is handed on, and [transport.As] finds the base.
//   - All of it holds for concurrent requests. Run the test under the race
//     detector.
//
// The requests are POSTs to http://localhost with an idempotency key, most of
// them twice: sent through the layer alone, as of a plain [http.Client], and as
// calls of a [transport.Client]. About 400 are sent, 300 of which end in a panic
// and 64 run at once. What the layer refuses by itself only has its request's
// body looked at; so give a limiter or a breaker room, and test one that refuses
// by itself.
//
// The layer runs in a testing/synctest bubble, so that its waits take no time:
// call TestLayer outside of one, and make the layer for it. What can't wait in a
// bubble stops the clock, and the test hangs: a socket, or a channel that was made
// with the layer and that nobody serves.
func TestLayer(t *testing.T, layer transport.Layer) {
	t.Helper()
	w := &workbench{layer: layer, seen: make(map[rule]string)}
	if _, err := w.wrap(new(probe)); err != nil {
		t.Fatalf("building a stack of layer %q: %v", layer.Name(), err)
	}
	if inBubble(t, w.run) && w.seen[ruleGoroutines] == "" {
		w.broken(ruleGoroutines, "some are left that nothing can end")
	}
	for _, r := range w.order {
		t.Errorf("layer %q breaks the rule %q: %s", layer.Name(), r, w.seen[r])
	}
}

// A rule is what a layer must keep.
type rule string

const (
	ruleOwner       rule = "a request is never changed for its owner"
	ruleHandedOn    rule = "a request isn't touched once it was handed on"
	ruleRequestBody rule = "every request body is closed"
	ruleAnswerBody  rule = "every response body that isn't returned is closed"
	ruleReplay      rule = "a body is sent again only from GetBody"
	ruleTogether    rule = "Body, GetBody and ContentLength go together"
	ruleKey         rule = "a caller's idempotency key stays"
	ruleEither      rule = "a response comes back without an error, an error without a response"
	ruleStatus      rule = "an error status is a response"
	ruleUnchanged   rule = "what comes back is what came: status, header and bytes"
	ruleBroken      rule = "a broken body doesn't look whole"
	ruleStream      rule = "a stream isn't held back"
	ruleSwitching   rule = "the body of a 101 can be written to"
	ruleContext     rule = "the end of the context ends the request, at once"
	ruleGoroutines  rule = "no goroutine outlives its request"
	ruleInner       rule = "the inner round tripper's error is in the layer's own"
	ruleSecret      rule = "no secret of a request is in an error"
	rulePanic       rule = "a panic passes through, and frees what was held"
	ruleIdle        rule = "CloseIdleConnections is handed on, and left to the owner"
	ruleUnwrap      rule = "transport.As finds the base"
	ruleConcurrent  rule = "concurrent requests don't mix"
)

// layerChecks are what TestLayer does, in this order: what counts failures over
// time sees the successes first.
var layerChecks = []func(*workbench){
	(*workbench).checkExchange,
	(*workbench).checkAnswers,
	(*workbench).checkConcurrent,
	(*workbench).checkStream,
	(*workbench).checkSwitching,
	(*workbench).checkIdle,
	(*workbench).checkUnwrap,
	(*workbench).checkOnce,
	(*workbench).checkLosers,
	(*workbench).checkRefusals,
	(*workbench).checkContext,
	(*workbench).checkPanic,
	(*workbench).checkSecret,
}

// A workbench has the layer under test and what was found of it.
type workbench struct {
	layer transport.Layer

	seen  map[rule]string // the first that was seen of each rule's breach
	order []rule
}

// broken notes that a rule is broken. The first that is seen of it counts.
func (w *workbench) broken(r rule, format string, args ...any) {
	if _, known := w.seen[r]; known {
		return
	}
	w.seen[r] = fmt.Sprintf(format, args...)
	w.order = append(w.order, r)
}

// run makes all checks, one after the other.
func (w *workbench) run(*testing.T) {
	watchGoroutines(func(strays func() []string) {
		for _, check := range layerChecks {
			check(w)
			if left := strays(); len(left) > 0 {
				w.broken(ruleGoroutines, "%d still run when all has ended, one in %s", len(left), left[0])
			}
		}
	})
}

// wrap puts the layer around p, and nothing else: a built stack would make good
// what the layer leaves out.
func (w *workbench) wrap(p *probe) (http.RoundTripper, error) {
	innermost := transport.NewLayer("the base of TestLayer", transport.Anywhere, func(http.RoundTripper) http.RoundTripper { return p })
	built, err := transport.NewStack(w.layer, innermost).RoundTripper(p)
	if err != nil {
		return nil, err
	}
	return built.(interface{ Unwrap() http.RoundTripper }).Unwrap(), nil
}

// on puts the layer around p for one check.
func (w *workbench) on(p *probe) *trial {
	rt, err := w.wrap(p)
	if err != nil {
		panic(err) // it could be built before
	}
	return &trial{workbench: w, probe: p, rt: rt}
}

// A trial is the layer on one probe.
type trial struct {
	*workbench
	probe *probe
	rt    http.RoundTripper
}

// longest is the time, a virtual one, after which a request counts as hung.
const longest = 24 * time.Hour

// end waits until nothing moves, and looks for what is left.
func (tr *trial) end() {
	tr.probe.readers.Wait()
	synctest.Wait()
	if tr.probe.idle > 0 {
		tr.broken(ruleIdle, "the layer calls it by itself")
	}
	for _, s := range tr.probe.seen() {
		if s.url != s.req.URL.String() || !equalHeader(s.header, s.req.Header) {
			tr.broken(ruleHandedOn, "its URL or header changed after the inner round tripper had it: %s", difference(s.header, s.req.Header))
		}
	}
}

func equalHeader(a, b http.Header) bool { return difference(a, b) == "" }

// difference names the fields in which two headers differ.
func difference(before, after http.Header) string {
	var names []string
	for name, values := range before {
		if strings.Join(values, "\n") != strings.Join(after[name], "\n") {
			names = append(names, name)
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
