// Package conformance has suites that test a transport layer, [TestLayer], or a
// whole stack, [TestStack]. The suite of a stack runs it against the fake of
// package prefactortest.
//
// One line tests a layer that you write. A failure names the broken rule of
// [net/http.RoundTripper] or of this module's layers, and what was seen:
//
//	func TestAudit(t *testing.T) {
//		conformance.TestLayer(t, audit.Layer(io.Discard))
//	}
//
// TestStack tests any stack: the default stack with your edits, other layers in
// another order, or a transport of your own. A [Build] builds it for each test:
//
//	func TestOurStack(t *testing.T) {
//		conformance.TestStack(t, func(cfg middleware.Config, base http.RoundTripper) (http.RoundTripper, error) {
//			return middleware.Default(cfg).PerAttempt(audit.Layer(io.Discard)).RoundTripper(base)
//		})
//	}
//
// A failure names the broken invariant, what was seen, and the exchanges that
// show it:
//
//	broken: responses are bounded in size: 41943040 bytes of a response were read
//		exchange 3: agent_spans.create 200, fault: agent_spans.create: body of 209715200 bytes, key 0b6c…
//
// TestStack includes [TestFaults], a table of what can go wrong with one call,
// and [TestStorm], many calls under random faults. They can also be run alone:
// the table for each of many variants, the storm at another size. Pass [Hedged]
// for a stack that hedges.
//
// Run the suites under the race detector. Most of them run in virtual time:
// make limiters, breakers and layers with background work for the test, with
// limits that its requests don't reach.
package conformance
