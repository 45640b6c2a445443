package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/transport"
)

// TestLayer tests that a layer works together with other layers, with net/http
// and with the code that sends the request. Each broken rule fails the test with
// one line, which names the rule and what was seen:
//
//   - A request reaches the inner round tripper, and the layer sends it nowhere
//     else.
//   - The caller's request is never changed, and a request isn't changed after
//     it was passed on.
//   - Every request body is closed, even if nothing is sent, and every response
//     body that isn't returned.
//   - A body is resent only through GetBody; one without GetBody is sent once.
//     Body, GetBody and ContentLength agree. The caller's idempotency key is
//     kept, and no other is added.
//   - The values of the request's context reach the inner round tripper, and with
//     them the [transport.Call].
//   - Either a response or an error is returned, never both. An error status is
//     returned as a response.
//   - The response is passed on unchanged: status, header and body, Retry-After
//     included. Its body can be read until it is closed: what is derived from the
//     request's context isn't canceled before. A body that breaks off ends in an
//     error, a stream is passed on as it arrives, and the body of a 101 can be
//     written to.
//   - Every request ends, and at once when its context ends, also if another
//     request is in flight. No goroutine outlives its request.
//   - The layer's error wraps the inner round tripper's, and shows no secret of
//     the request. A panic passes through, and the layer frees what it holds.
//   - On a stack, which adds Unwrap and CloseIdleConnections to a layer that lacks
//     them, CloseIdleConnections reaches the base and [transport.As] finds it. The
//     layer doesn't call CloseIdleConnections on its own.
//   - All of this holds for concurrent requests. Run the test under the race
//     detector.
//
// Most requests are POSTs to http://localhost with an idempotency key. They are
// sent through the layer alone, as by an [http.Client], and in some checks also
// as calls of a [transport.Client]. There are about 500. The base panics in 300
// of them and fails in 100, and 64 run at once. If the layer refuses a request by
// itself, only the request body is checked. So give a limiter or a breaker limits
// that are not reached. If the layer refuses the first request, nothing is proved,
// and the test fails.
//
// The layer runs in a testing/synctest bubble, where its waits take no time. Call
// TestLayer outside a bubble, and make a new layer for it. A layer that blocks on
// something outside the bubble, such as a socket or a channel that was made with
// the layer, stops the bubble's time. After 30 seconds of real time without
// progress the test then fails, with the name of the check and where the
// goroutines are.
func TestLayer(t *testing.T, layer transport.Layer) {
	mustTest("TestLayer", t)
	t.Helper()
	w := &workbench{layer: layer, seen: make(map[rule]string)}
	if _, err := w.stack(new(probe)); err != nil {
		t.Fatalf("building a stack of layer %q: %v", layer.Name(), err)
	}
	w.at("the first check")
	w.now = time.Now().Round(0)
	hang := w.watch(t, func(strays func() []string) {
		w.strays = strays
		if inBubble(t, w.run) {
			w.broken(ruleGoroutines, "some are left that never end")
		}
	})
	if hang != "" && !w.knows(ruleReach) {
		w.broken(ruleEnds, "%s", hang)
	}
	for _, breach := range w.breaches() {
		t.Errorf("layer %q breaks the rule %q: %s", layer.Name(), breach.rule, breach.seen)
	}
}

// A rule is what a layer must obey.
type rule string

const (
	ruleReach       rule = "a request reaches the inner round tripper, and is sent nowhere else"
	ruleOwner       rule = "the caller's request is never changed"
	ruleHandedOn    rule = "a request isn't changed after it was passed on"
	ruleRequestBody rule = "every request body is closed"
	ruleAnswerBody  rule = "every response body that isn't returned is closed"
	ruleReplay      rule = "a body is resent only through GetBody"
	ruleTogether    rule = "Body, GetBody and ContentLength agree"
	ruleKey         rule = "the caller's idempotency key is kept"
	ruleValues      rule = "the values of the request's context reach the inner round tripper"
	ruleEither      rule = "either a response or an error is returned, never both"
	ruleStatus      rule = "an error status is returned as a response"
	ruleUnchanged   rule = "the response is passed on unchanged: status, header and body"
	ruleReadable    rule = "the context of the request lasts until the response's body is closed"
	ruleBroken      rule = "a body that breaks off ends in an error"
	ruleStream      rule = "a stream is passed on as it arrives"
	ruleSwitching   rule = "the body of a 101 can be written to"
	ruleEnds        rule = "every request ends"
	ruleContext     rule = "a request ends at once when its context ends"
	ruleGoroutines  rule = "no goroutine outlives its request"
	ruleInner       rule = "the layer's error wraps the inner round tripper's"
	ruleSecret      rule = "an error shows no secret of its request"
	rulePanic       rule = "a panic passes through, and the layer frees what it holds"
	ruleIdle        rule = "CloseIdleConnections reaches the base, and is called by the owner only"
	ruleUnwrap      rule = "transport.As finds the base"
	ruleConcurrent  rule = "concurrent requests don't mix"
)

// layerChecks are the checks of TestLayer, in this order: successes come first,
// for layers that count failures.
var layerChecks = []struct {
	name string
	run  func(*workbench)
}{
	{"the first request", (*workbench).checkReach},
	{"how requests end", (*workbench).checkExchange},
	{"responses", (*workbench).checkAnswers},
	{"concurrent requests", (*workbench).checkConcurrent},
	{"streams", (*workbench).checkStream},
	{"protocol switches", (*workbench).checkSwitching},
	{"CloseIdleConnections", (*workbench).checkIdle},
	{"Unwrap", (*workbench).checkUnwrap},
	{"bodies without GetBody", (*workbench).checkOnce},
	{"slow responses", (*workbench).checkLosers},
	{"unusual requests", (*workbench).checkRefusals},
	{"contexts that end", (*workbench).checkContext},
	{"a request whose context ends while another is in flight", (*workbench).checkQueue},
	{"panics", (*workbench).checkPanic},
	{"secrets", (*workbench).checkSecret},
	{"many failures", (*workbench).checkFailures},
}

// A workbench holds the layer under test and the rules that it broke.
type workbench struct {
	layer transport.Layer
	watchdog
	strays func() []string
	now    time.Time // when the layer is there, outside of the bubble

	mu    sync.Mutex
	seen  map[rule]string // the first breach of each rule
	order []rule
}

// A breach is a broken rule and what was seen.
type breach struct {
	rule rule
	seen string
}

// broken notes the first breach of a rule, and ignores later ones.
func (w *workbench) broken(r rule, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.seen[r]; known {
		return
	}
	w.seen[r] = fmt.Sprintf(format, args...)
	w.order = append(w.order, r)
}

// knows reports whether a breach of the rule was noted.
func (w *workbench) knows(r rule) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, known := w.seen[r]
	return known
}

// breaches returns the broken rules in the order in which they were found.
func (w *workbench) breaches() (list []breach) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.order {
		list = append(list, breach{r, w.seen[r]})
	}
	return list
}

// run makes all checks, in sequence. If the first request shows that they would
// prove nothing, it makes no others.
func (w *workbench) run(*testing.T) {
	time.Sleep(time.Until(w.now)) // a layer that was made before the bubble may have read the clock
	for _, check := range layerChecks {
		w.at("the check of " + check.name)
		check.run(w)
		synctest.Wait() // what has sent its result may still be about to end
		if left := w.strays(); len(left) > 0 {
			w.broken(ruleGoroutines, "%d still run after all requests ended, one in %s", len(left), left[0])
		}
		if w.knows(ruleReach) || w.knows(ruleReadable) {
			return
		}
	}
}

// stack returns a stack of the layer on p. The layer sends directly to p, not
// through the stack's own base, which would hide what the layer omits.
func (w *workbench) stack(p *probe, outer ...transport.Layer) (http.RoundTripper, error) {
	innermost := transport.NewLayer("the base of TestLayer", transport.Anywhere, func(http.RoundTripper) http.RoundTripper { return p })
	return transport.NewStack(append(outer, w.layer, innermost)...).RoundTripper(p)
}

// on wraps p in the layer for one check.
func (w *workbench) on(p *probe) *trial {
	tr := &trial{workbench: w, probe: p}
	tracked := transport.NewLayerFunc("the caller of TestLayer", transport.Anywhere, func(req *http.Request, next transport.Next) (*http.Response, error) {
		tr.track(req)
		return next(req)
	})
	tr.rt, tr.callRT = w.alone(p), w.alone(p, tracked)
	return tr
}

// alone wraps p in the layer, and in what stands outside of it, without the round
// tripper of their stack.
func (w *workbench) alone(p *probe, outer ...transport.Layer) http.RoundTripper {
	built, err := w.stack(p, outer...)
	if err != nil {
		panic(err) // TestLayer has built it before
	}
	return built.(interface{ Unwrap() http.RoundTripper }).Unwrap()
}

// A trial is the layer around one probe.
type trial struct {
	*workbench
	probe  *probe
	rt     http.RoundTripper
	callRT http.RoundTripper // for API calls

	mu     sync.Mutex
	bodies []*trackedBody // of the requests
}

// longest is the virtual time after which a request counts as hung.
const longest = 24 * time.Hour

// end waits until all goroutines are idle, and checks what the layer did to the
// requests that it passed on, and to all bodies.
func (tr *trial) end(on string) {
	tr.probe.readers.Wait()
	tr.checkSockets()
	synctest.Wait()
	if tr.probe.closed() > 0 {
		tr.broken(ruleIdle, "the layer calls it on its own")
	}
	for _, s := range tr.probe.seen() {
		if s.url != s.req.URL.String() || !equalHeader(s.header, s.req.Header) {
			tr.broken(ruleHandedOn, "its URL or header changed after the inner round tripper got it: %s", difference(s.header, s.req.Header))
		}
	}
	if open, all := tr.open(); open > 0 {
		tr.broken(ruleRequestBody, "on %s %d of %d are open", on, open, all)
	}
	if n := tr.probe.open(); n > 0 {
		tr.broken(ruleAnswerBody, "on %s %d of %d are open", on, n, len(tr.probe.bodies))
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
