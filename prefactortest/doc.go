// Package prefactortest is a fake Prefactor API for tests: a server in
// memory that follows the API's rules, goes wrong on demand, and lets a test
// look inside.
//
// It speaks JSON as the wire has it and knows nothing of any client in this
// module, so that it can't share a client's mistakes.
//
// # Which face
//
// One [Fake] answers over any of these, also over several at once:
//
//   - [NewServer] listens on TCP until the test ends. Take it for a real
//     network stack, and for programs in other processes.
//   - [Fake.Pipe] runs a real [net/http] server and transport over
//     connections in memory. Take it where time matters: in a
//     testing/synctest bubble an hour of backoff takes no time. A socket
//     would stop the bubble's clock.
//   - [Fake.RoundTripper] has no connections at all. Take it for speed, and
//     for a layer under test that wants an innermost round tripper.
//   - [Fake.HTTPMock] puts the fake behind a httpmock transport, to mix with
//     responders of your own; [SuccessResponder], [ErrorResponder] and
//     [ListResponder] build them.
//   - The Fake itself is an [net/http.Handler], for a server of your own.
//   - [Fake.Listen] is for programs that aren't tests, and the command
//     prefactor-fake for those in other languages.
//
// Every fake accepts the token [Token] and holds the agent [AgentID] of the
// account [AccountID]; a registration needs nothing more.
//
// # Code that records runs
//
// Point the code at the fake, run it, and compare what the fake holds:
//
//	server := prefactortest.NewServer(t)
//	runTheCode(server.URL, prefactortest.Token)
//	server.AssertTree(t, `
//		instance complete
//		└── app:agent complete
//		    ├── app:llm complete
//		    └── app:tool failed
//	`)
//
// [Fake.Instances] and [Fake.Spans] have the rest: payloads, times, counts.
// Where the code works in the background, [Fake.Wait] for a condition first.
// With [WithClock] and [WithSeed] ids and times are the same in every run,
// good for golden files.
//
// # Code that survives failures
//
// Say what goes wrong, run the code, and compare the exchanges:
//
//	server.Inject(
//		prefactortest.On("agent_spans.create").Times(2).Reply(503),
//		prefactortest.On("agent_spans.finish").ResetAfter(),
//	)
//	runTheCode(server.URL, prefactortest.Token)
//	server.AssertJournal(t, `...`)
//
// [Fault] lists what can go wrong, [On] and the methods Nth, Times, Always,
// When and Chance say for which requests. A fault that didn't strike as
// often as it should fails the test when it ends ([NewServer], [WithT]), or
// shows in [Fake.Unfired]. [Storm] is bad weather of every kind; under it,
// what the code was told has succeeded must be there once, and the rest at
// most once. [Fake.Journal] tells first requests, replays and commits apart,
// and shows the idempotency key of each.
//
// # Code that waits
//
// In a bubble, over a pipe, a test of an hour's outage runs in milliseconds:
//
//	synctest.Test(t, func(t *testing.T) {
//		fake := prefactortest.New(prefactortest.WithT(t))
//		pipe := fake.Pipe()
//		defer pipe.Close()
//		fake.Inject(prefactortest.On("*").Always().Reply(503))
//		time.AfterFunc(time.Hour, fake.Heal)
//		runTheCode(pipe.URL, pipe.Transport())
//	})
//
// # Code that is told to stop
//
// [Fake.Terminate] ends a run as an operator would; the next answer to a
// write of one of its spans carries the control signal.
//
// # Code with other tokens
//
// [WithToken] and [Grant] make deployment and ingestion tokens and those of
// other accounts; [Fake.RevokeToken] and [Fake.AddToken] change them while
// the code runs, for one that must refresh its token.
//
// # Layers and stacks of your own
//
// The suites that prove a transport layer or a whole stack right are in package
// github.com/prefactordev/prefactor-go/prefactortest/conformance.
//
// # Where the API is silent
//
// The API's documentation leaves some behaviour open, and official clients
// send more than it mentions. The fake then takes what is sent, and does
// what is likeliest; an [Option] has the other side. [Strict] refuses what
// is undocumented.
//
// A few things are decided without an option. An idempotency key belongs to
// an account, an operation and a path; a failed call is not remembered. It
// may stand in the body or in the Idempotency-Key header. A span's instance
// that doesn't exist is 404, its parent 422. Spans may be written whatever
// the status of their instance is.
package prefactortest
