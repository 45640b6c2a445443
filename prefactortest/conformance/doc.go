// Package conformance has the suites that prove a transport layer or a whole
// stack right: [TestLayer] and [TestStack]. They run it against the fake of
// package prefactortest.
//
// A layer that you write is tested by one line. A failure says which rule of
// [net/http.RoundTripper] or of this module's layers is broken, and by what:
//
//	func TestAudit(t *testing.T) {
//		conformance.TestLayer(t, audit.Layer(io.Discard))
//	}
//
// So is a stack, whatever it is made of: the default stack after your edits,
// other layers in another order, or a transport of your own. It is built anew
// for each test, by a [Build]:
//
//	func TestOurStack(t *testing.T) {
//		conformance.TestStack(t, func(cfg middleware.Config, base http.RoundTripper) (http.RoundTripper, error) {
//			return middleware.Default(cfg).PerAttempt(audit.Layer(io.Discard)).RoundTripper(base)
//		})
//	}
//
// A failure is a sentence that says what doesn't hold, and the lines of the
// journal that show it:
//
//	broken: answers are bounded in size: 41943040 bytes of an answer were read
//		exchange 3: agent_spans.create 200, fault: agent_spans.create: body of 209715200 bytes, key 0b6c…
//
// [TestFaults], the table of everything that can go wrong with one call, and
// [TestStorm], thousands of calls in bad weather, are parts of TestStack that
// can be run by themselves: the table for each of many variants, the storm at
// another size. A stack that hedges says so with [Hedged].
//
// Run them under the race detector. Most of what they do takes virtual time:
// make limiters, breakers and layers with background work for the test, and give
// them room.
package conformance
