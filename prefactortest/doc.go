// Package prefactortest is a fake Prefactor API for tests: an in-memory
// server that follows the API's rules, fails on demand, and lets a test
// inspect its state.
//
// It reads and writes the API's JSON directly and uses none of this module's
// clients, so it can't share their mistakes.
//
// # Which face
//
// One [Fake] serves requests over any of these faces, and over several at
// once:
//
//   - [NewServer] listens on TCP until the test ends. Use it for a real
//     network stack, and for programs in other processes.
//   - [Fake.Pipe] runs a real [net/http] server and transport over in-memory
//     connections. Use it if time matters: in a testing/synctest bubble an
//     hour of backoff takes no time. A socket would stop the bubble's clock.
//   - [Fake.RoundTripper] has no connections. Use it for speed, and as the
//     innermost round tripper of a layer under test.
//   - [Fake.HTTPMock] is a httpmock transport, to which you can add responders
//     of your own; [SuccessResponder], [ErrorResponder] and [ListResponder]
//     build them.
//   - The Fake itself is a [net/http.Handler], for a server of your own.
//   - [Fake.Listen] is for programs that aren't tests, and the command
//     prefactor-fake is for programs in other languages.
//
// Every fake accepts the token [Token] and has the agent [AgentID] in the
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
// [Fake.Instances], [Fake.Spans] and [Fake.Alerts] return the rest: payloads,
// times, counts.
// If the code works in the background, first use [Fake.Wait] to wait for a
// condition. [WithClock] and [WithSeed] make times and ids the same in every
// run, for golden files.
//
// # Code that survives failures
//
// Inject faults, run the code, and compare the exchanges:
//
//	server.Inject(
//		prefactortest.On("agent_spans.create").Times(2).Reply(503),
//		prefactortest.On("agent_spans.finish").ResetAfter(),
//	)
//	runTheCode(server.URL, prefactortest.Token)
//	server.AssertJournal(t, `...`)
//
// The methods of [Fault] are what can go wrong; [On] and the methods Nth,
// Times, Always, When and Chance select the requests. A fault that struck
// fewer requests than it should fails the test when it ends ([NewServer],
// [WithT]), and is in [Fake.Unfired]. [Storm] makes faults of every kind that
// strike at random: under it, a call that succeeded must have been applied
// once, and a call that failed at most once. [Fake.Journal] shows which
// requests were replays, which changed something, and the idempotency key of
// each. For clients that send no keys, [Fault.SpareKeyless] keeps the faults
// away that would make duplicates.
//
// # Code that sends fields by name
//
// The API ignores a field that it doesn't know, so a misspelt one is lost
// without an error. [RefuseUnknown] makes it an error in a test; [DropUnknown]
// behaves as the API does, and the journal has the names of what was lost.
//
// # Code that waits
//
// In a bubble, over a pipe, an hour's outage takes milliseconds to test:
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
// # Code that stops on request
//
// [Fake.Terminate] ends a run as an operator would. The response to the next
// write of one of its spans carries the control signal.
//
// # Code with other tokens
//
// [WithToken] and [Grant] add deployment tokens, ingestion tokens and tokens
// of other accounts; the operations on tokens issue more, which are accepted
// like these. [Fake.RevokeToken] and [Fake.AddToken] change the
// accepted tokens while the code runs, to test a token refresh.
//
// # Layers and stacks of your own
//
// The suites that test a transport layer or a whole stack are in package
// github.com/prefactordev/prefactor-go/prefactortest/conformance.
//
// # Where the API is silent
//
// The API's documentation leaves some behaviour open, and official clients
// send more than it mentions. In these cases the fake accepts what is sent and
// does what the API most likely does; an [Option] selects the alternative.
// [Strict] refuses what is undocumented.
//
// A few things have no option:
//
//   - An idempotency key belongs to an account, an operation and a path. It is
//     in the body or in the Idempotency-Key header. A failed call isn't
//     remembered.
//   - A span whose instance doesn't exist is refused with 404, one whose parent
//     doesn't exist with 422.
//   - Spans can be written, and alerts raised and cleared, whatever the status of
//     their instance.
//   - A quality payload leaves a span prefactor:quality, and each raise of an
//     alert a span prefactor:alert.
//   - An alert that is raised again is updated; after it was cleared, its name
//     makes a new one.
//   - Redacted and discarded sensitive values are null; their mark
//     {"$sensitive":…} stays.
//   - Of the templates that render summaries, the fake knows {{ path }} only.
//   - Costs are null. Risk scores are null too, until [Fake.SetRiskScore].
//   - An environment exists once a registration, a deployment or a token
//     mentions it. A version is one of an agent with its external identifier
//     and its schemas; external_identifier_repeats counts those before it with
//     the same identifier. Only update_current_version changes the version of a
//     deployment.
//   - A deployment is created once for an agent and an environment; a second
//     creation is refused with 422.
package prefactortest
