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

// TestLayer tests that a layer works together with other layers, with net/http
// and with the code that sends the request. Each broken rule fails the test with
// one line, which names the rule and what was seen:
//
//   - The caller's request is never changed, and a request isn't changed after
//     it was passed on.
//   - Every request body is closed, even if nothing is sent, and every response
//     body that isn't returned.
//   - A body is resent only through GetBody; one without GetBody is sent once.
//     Body, GetBody and ContentLength agree. The caller's idempotency key is
//     kept.
//   - Either a response or an error is returned, never both. An error status is
//     returned as a response.
//   - The response is passed on unchanged: status, header and body. A body that
//     breaks off ends in an error, a stream is passed on as it arrives, and the
//     body of a 101 can be written to.
//   - A request ends at once when its context ends. No goroutine outlives its
//     request.
//   - The layer's error wraps the inner round tripper's, and shows no secret of
//     the request. A panic passes through, and the layer frees what it holds.
//   - CloseIdleConnections is passed on, and called by the owner only.
//     [transport.As] finds the base.
//   - All of this holds for concurrent requests. Run the test under the race
//     detector.
//
// Most requests are POSTs to http://localhost with an idempotency key. They are
// sent through the layer alone, as by an [http.Client], and in some checks also
// as calls of a [transport.Client]. There are about 400; the base panics in 300
// of them, and 64 run at once. If the layer refuses a request by itself, only the
// request body is checked. So give a limiter or a breaker limits that are not
// reached, and test its refusals separately.
//
// The layer runs in a testing/synctest bubble, where its waits take no time. Call
// TestLayer outside a bubble, and make a new layer for it. The test hangs if the
// layer blocks on something outside the bubble: a socket, or a channel that was
// made with the layer.
func TestLayer(t *testing.T, layer transport.Layer) {
	t.Helper()
	w := &workbench{layer: layer, seen: make(map[rule]string)}
	if _, err := w.wrap(new(probe)); err != nil {
		t.Fatalf("building a stack of layer %q: %v", layer.Name(), err)
	}
	if inBubble(t, w.run) && w.seen[ruleGoroutines] == "" {
		w.broken(ruleGoroutines, "some are left that never end")
	}
	for _, r := range w.order {
		t.Errorf("layer %q breaks the rule %q: %s", layer.Name(), r, w.seen[r])
	}
}

// A rule is what a layer must obey.
type rule string

const (
	ruleOwner       rule = "the caller's request is never changed"
	ruleHandedOn    rule = "a request isn't changed after it was passed on"
	ruleRequestBody rule = "every request body is closed"
	ruleAnswerBody  rule = "every response body that isn't returned is closed"
	ruleReplay      rule = "a body is resent only through GetBody"
	ruleTogether    rule = "Body, GetBody and ContentLength agree"
	ruleKey         rule = "the caller's idempotency key is kept"
	ruleEither      rule = "either a response or an error is returned, never both"
	ruleStatus      rule = "an error status is returned as a response"
	ruleUnchanged   rule = "the response is passed on unchanged: status, header and body"
	ruleBroken      rule = "a body that breaks off ends in an error"
	ruleStream      rule = "a stream is passed on as it arrives"
	ruleSwitching   rule = "the body of a 101 can be written to"
	ruleContext     rule = "a request ends at once when its context ends"
	ruleGoroutines  rule = "no goroutine outlives its request"
	ruleInner       rule = "the layer's error wraps the inner round tripper's"
	ruleSecret      rule = "an error shows no secret of its request"
	rulePanic       rule = "a panic passes through, and the layer frees what it holds"
	ruleIdle        rule = "CloseIdleConnections is passed on, and called by the owner only"
	ruleUnwrap      rule = "transport.As finds the base"
	ruleConcurrent  rule = "concurrent requests don't mix"
)

// layerChecks are the checks of TestLayer, in this order: successes come first,
// for layers that count failures.
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

// A workbench holds the layer under test and the rules that it broke.
type workbench struct {
	layer transport.Layer

	seen  map[rule]string // the first breach of each rule
	order []rule
}

// broken notes the first breach of a rule, and ignores later ones.
func (w *workbench) broken(r rule, format string, args ...any) {
	if _, known := w.seen[r]; known {
		return
	}
	w.seen[r] = fmt.Sprintf(format, args...)
	w.order = append(w.order, r)
}

// run makes all checks, in sequence.
func (w *workbench) run(*testing.T) {
	watchGoroutines(func(strays func() []string) {
		for _, check := range layerChecks {
			check(w)
			synctest.Wait() // what has sent its result may still be about to end
			if left := strays(); len(left) > 0 {
				w.broken(ruleGoroutines, "%d still run after all requests ended, one in %s", len(left), left[0])
			}
		}
	})
}

// wrap puts only the layer around p. The round tripper of a stack would hide
// what the layer omits.
func (w *workbench) wrap(p *probe) (http.RoundTripper, error) {
	innermost := transport.NewLayer("the base of TestLayer", transport.Anywhere, func(http.RoundTripper) http.RoundTripper { return p })
	built, err := transport.NewStack(w.layer, innermost).RoundTripper(p)
	if err != nil {
		return nil, err
	}
	return built.(interface{ Unwrap() http.RoundTripper }).Unwrap(), nil
}

// on wraps p in the layer for one check.
func (w *workbench) on(p *probe) *trial {
	rt, err := w.wrap(p)
	if err != nil {
		panic(err) // TestLayer has built it before
	}
	return &trial{workbench: w, probe: p, rt: rt}
}

// A trial is the layer around one probe.
type trial struct {
	*workbench
	probe *probe
	rt    http.RoundTripper
}

// longest is the virtual time after which a request counts as hung.
const longest = 24 * time.Hour

// end waits until all goroutines are idle, and checks what the layer did to the
// requests that it passed on.
func (tr *trial) end() {
	tr.probe.readers.Wait()
	synctest.Wait()
	if tr.probe.idle > 0 {
		tr.broken(ruleIdle, "the layer calls it on its own")
	}
	for _, s := range tr.probe.seen() {
		if s.url != s.req.URL.String() || !equalHeader(s.header, s.req.Header) {
			tr.broken(ruleHandedOn, "its URL or header changed after the inner round tripper got it: %s", difference(s.header, s.req.Header))
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
