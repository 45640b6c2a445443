// Package thirdparty_test tests the library together with packages of other people
// and with net/http itself, at each position where these are used:
//
//	               per call  per attempt  wire  base  in place of
//	otelhttp          x           x        x     x
//	promhttp          x           x        x     x
//	httpcache         x           x        x     x
//	go-vcr            x           x        x     x
//	oauth2                                             auth
//	sigv4                                  x           auth
//	retryablehttp                                      retry
//	failsafehttp                                       retry
//	rehttp                                             retry
//	http.Client                                  x
//	httptest                                     x
//	unix sockets                                 x
//	h2c                                          x
//
// It is a module of its own, so that no user of the library depends on these
// packages.
package thirdparty_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

// A setup is the default stack with a third-party package in it or below it.
type setup struct {
	edit  func(s transport.Stack, cfg middleware.Config) transport.Stack // nil for none
	base  func(base http.RoundTripper) http.RoundTripper                 // nil for the base itself
	suite []conformance.SuiteOption
	token string // the one that the stack sends in place of Config.APIToken; "" for that

	// hidden means that what stands below the stack is not found, because the
	// package's round tripper has neither Unwrap nor CloseIdleConnections. A layer
	// of the same round tripper gets both from the stack.
	hidden bool

	// cut means that the package reads whole responses, and returns an error if one
	// is cut.
	cut bool

	// breaks means that the package breaks an invariant of the stack, as
	// TestPackagesBreakTheseRules says.
	breaks bool
}

// build is a [conformance.Build].
func (s setup) build(cfg middleware.Config, base http.RoundTripper) (http.RoundTripper, error) {
	stack := middleware.Default(cfg)
	if s.edit != nil {
		stack = s.edit(stack, cfg)
	}
	if s.base != nil {
		base = s.base(base)
	}
	return stack.RoundTripper(base)
}

// everywhere returns a setup for each position of a round tripper.
func everywhere(name string, wrap func(next http.RoundTripper) http.RoundTripper) map[string]setup {
	layer := transport.NewLayer(name, transport.Anywhere, wrap)
	return map[string]setup{
		"per call":    {edit: func(s transport.Stack, _ middleware.Config) transport.Stack { return s.PerCall(layer) }},
		"per attempt": {edit: func(s transport.Stack, _ middleware.Config) transport.Stack { return s.PerAttempt(layer) }},
		"wire":        {edit: func(s transport.Stack, _ middleware.Config) transport.Stack { return s.Wire(layer) }},
		"base":        {base: wrap, hidden: true},
	}
}

// A foreignRetry puts a retry around next that waits as the policy says.
type foreignRetry func(policy middleware.RetryPolicy, next http.RoundTripper) http.RoundTripper

// layer returns the layer that stands in place of retry.
func (f foreignRetry) layer(policy middleware.RetryPolicy) transport.Layer {
	return middleware.ForeignRetry(func(next http.RoundTripper) http.RoundTripper { return f(policy, next) })
}

// setup returns the default stack with the retry.
func (f foreignRetry) setup() setup {
	return setup{
		edit: func(s transport.Stack, cfg middleware.Config) transport.Stack {
			return s.Replace("retry", f.layer(cfg.RetryPolicy))
		},
		suite: []conformance.SuiteOption{conformance.OwnRetry()},
	}
}

// testEach tests each setup in every way.
func testEach(t *testing.T, setups map[string]setup) {
	t.Helper()
	for position, s := range setups {
		t.Run(position, func(t *testing.T) {
			t.Parallel()
			t.Run("a run is recorded", func(t *testing.T) { inMemory(t, s, (*rig).record) })
			t.Run("a call fails", s.testFailures)
			t.Run("idle connections are closed", func(t *testing.T) { inMemory(t, s, func(r *rig) { r.checkClose(!s.hidden) }) })
			if !s.breaks && !testing.Short() { // the suites take minutes under the race detector
				t.Run("the stack", func(t *testing.T) { conformance.TestStack(t, s.build, s.suite...) })
			}
		})
	}
}

// A rig is a stack under test, its fake, and what is seen of attempts.
type rig struct {
	t    *testing.T
	fake *prefactortest.Fake
	base *http.Transport
	url  string
	cut  bool // as in setup
	api  *resources.API

	mu       sync.Mutex
	attempts []string // each attempt that ended: operation and status
}

// inMemory runs f in a bubble of virtual time, over in-memory connections.
func inMemory(t *testing.T, s setup, f func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		fake := prefactortest.New(prefactortest.WithT(t))
		if s.token != "" {
			fake.AddToken(s.token, prefactortest.Grant{})
			fake.RevokeToken(prefactortest.Token)
		}
		pipe := fake.Pipe()
		defer pipe.Close()
		f(newRig(t, s, fake, middleware.NewConfig(pipe.URL, prefactortest.Token), pipe.Transport()))
	})
}

func newRig(t *testing.T, s setup, fake *prefactortest.Fake, cfg middleware.Config, base *http.Transport) *rig {
	t.Helper()
	rt, err := s.build(cfg, base)
	if err != nil {
		t.Fatal(err)
	}
	client, err := transport.NewClient(cfg.APIURL, rt)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, fake: fake, base: base, url: cfg.APIURL, cut: s.cut}
	if client, err = client.With(middleware.Observe("attempts", middleware.ObserverFunc(r.observe))); err != nil {
		t.Fatal(err)
	}
	r.api = resources.New(client)
	return r
}

func (r *rig) observe(ctx context.Context, e transport.Event) {
	if e.Kind == transport.AttemptEnded {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.attempts = append(r.attempts, fmt.Sprintf("%s %d", transport.CallFrom(ctx).Operation(), e.Status))
	}
}

// recordedAttempts returns the attempts of [rig.record], as the library sees them.
// cutStatus is the status of a response whose body is cut.
func recordedAttempts(cutStatus int) []string {
	return []string{
		"agent_instances.register 503",
		"agent_instances.register 200",
		"agent_instances.start 429",
		"agent_instances.start 200",
		fmt.Sprint("agent_spans.create ", cutStatus),
		"agent_spans.create 200",
		"agent_spans.create 0",
		"agent_spans.create 200",
		"agent_spans.finish 0",
		"agent_spans.finish 200",
		"agent_spans.finish 502",
		"agent_spans.finish 200",
		"agent_instances.finish 503",
		"agent_instances.finish 200",
	}
}

// record records an instance with two spans, each of whose calls fails once, and
// checks that each is sent twice, with one key, and is stored once.
func (r *rig) record() {
	r.t.Helper()
	// net/http repeats by itself what is reset on a connection that it has used
	// before. On a new one the attempts are the library's alone.
	r.base.DisableKeepAlives = true
	ctx := r.t.Context()
	var run *instances.Instance
	var parent, child *spans.Span
	var err error
	on := prefactortest.On
	for _, step := range []struct {
		fault prefactortest.Fault
		call  func()
	}{
		{on("agent_instances.register").Reply(503).RetryAfter(time.Second), func() {
			run, err = r.api.Instances.Register(ctx, instances.RegisterParams{AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID})
		}},
		{on("agent_instances.start").Reply(429).RetryAfter(time.Second), func() {
			_, err = r.api.Instances.Start(ctx, run.ID, instances.StartParams{})
		}},
		{on("agent_spans.create").CutBody(20), func() {
			parent, err = r.api.Spans.Create(ctx, spans.CreateParams{AgentInstanceID: run.ID, SchemaName: "app:agent"})
		}},
		{on("agent_spans.create").ResetBefore(), func() {
			child, err = r.api.Spans.Create(ctx, spans.CreateParams{AgentInstanceID: run.ID, ParentSpanID: parent.ID, SchemaName: "app:llm"})
		}},
		{on("agent_spans.finish").ResetAfter(), func() {
			_, err = r.api.Spans.Finish(ctx, child.ID, spans.FinishParams{})
		}},
		{on("agent_spans.finish").HTML(502), func() {
			_, err = r.api.Spans.Finish(ctx, parent.ID, spans.FinishParams{})
		}},
		{on("agent_instances.finish").Reply(503).Commit(), func() {
			_, err = r.api.Instances.Finish(ctx, run.ID, instances.FinishParams{})
		}},
	} {
		r.fake.Inject(step.fault)
		if step.call(); err != nil {
			r.t.Fatalf("%s: %v", step.fault, err)
		}
	}
	r.fake.AssertTree(r.t, `
		instance complete
		└── app:agent complete
		    └── app:llm complete
	`)
	r.fake.AssertJournal(r.t, `
		agent_instances.register 503, fault: agent_instances.register: reply 503, retry after 1s
		agent_instances.register 200, attempt 2
		agent_instances.start 429, fault: agent_instances.start: reply 429, retry after 1s
		agent_instances.start 200, attempt 2
		agent_spans.create 200, fault: agent_spans.create: cut after 20 bytes, committed
		agent_spans.create 200, attempt 2, replay
		agent_spans.create no response, fault: agent_spans.create: reset before
		agent_spans.create 200, attempt 2
		agent_spans.finish no response, fault: agent_spans.finish: reset after, committed
		agent_spans.finish 200, attempt 2, replay
		agent_spans.finish 502, fault: agent_spans.finish: HTML page 502
		agent_spans.finish 200, attempt 2
		agent_instances.finish 503, fault: agent_instances.finish: reply 503, commit, committed
		agent_instances.finish 200, attempt 2, replay
	`)
	want := recordedAttempts(http.StatusOK)
	if r.cut {
		want = recordedAttempts(0)
	}
	if !slices.Equal(r.attempts, want) {
		r.t.Errorf("the library saw the attempts\n\t%s\nwant\n\t%s", strings.Join(r.attempts, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// create makes an instance and, in one call, a span.
func (r *rig) create() error {
	r.t.Helper()
	run, err := r.api.Instances.Register(r.t.Context(), instances.RegisterParams{AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID})
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = r.api.Spans.Create(r.t.Context(), spans.CreateParams{AgentInstanceID: run.ID, SchemaName: "app:llm"})
	return err
}

// testFailures makes all attempts of a call fail. The error must agree with what
// the fake has seen and done.
func (s setup) testFailures(t *testing.T) {
	t.Helper()
	fault := prefactortest.On("agent_spans.create").Always()
	for name, tt := range map[string]struct {
		fault   prefactortest.Fault
		kind    errs.Kind
		applied bool
	}{
		"503":                     {fault.Reply(503).RetryAfter(time.Second), errs.KindServer, true},
		"503 after the commit":    {fault.Reply(503).Commit(), errs.KindServer, true},
		"429":                     {fault.Reply(429).RetryAfter(time.Second), errs.KindRateLimited, false},
		"a page":                  {fault.HTML(502), errs.KindContract, true},
		"a cut body":              {fault.CutBody(20), errs.KindNetwork, true},
		"a reset before the call": {fault.ResetBefore(), errs.KindNetwork, true},
		"a reset after the call":  {fault.ResetAfter(), errs.KindNetwork, true},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, s, func(r *rig) {
				r.fake.Inject(tt.fault)
				err := r.create()
				failure, ok := errors.AsType[*errs.Error](err)
				if !ok || errs.KindOf(err) != tt.kind || !errors.Is(err, errs.ErrExhausted) || errs.MaybeApplied(err) != tt.applied {
					r.t.Fatalf("got kind %q, exhausted %t, maybe applied %t, want kind %q, exhausted, maybe applied %t: %v",
						errs.KindOf(err), errors.Is(err, errs.ErrExhausted), errs.MaybeApplied(err), tt.kind, tt.applied, err)
				}
				r.checkFailure(failure)
			})
		})
	}
}

// checkFailure compares an error with the fake's journal.
func (r *rig) checkFailure(failure *errs.Error) {
	r.t.Helper()
	sent, committed := 0, 0
	for _, x := range r.fake.Journal() {
		if x.Operation != failure.Operation {
			continue
		}
		if sent++; x.Key != failure.Key || x.HeaderKey != x.BodyKey {
			r.t.Errorf("request %d has the keys %q and %q, the error %q", sent, x.HeaderKey, x.BodyKey, failure.Key)
		}
		if x.Committed {
			committed++
		}
	}
	sends := 0
	for _, a := range failure.Attempts {
		sends += a.Sends
	}
	if len(failure.Attempts) < 2 || sends != sent || committed > 1 || committed == 1 && !failure.MaybeApplied {
		r.t.Errorf("the error has %d attempts with %d sends, the fake got %d requests and applied %d: %v", len(failure.Attempts), sends, sent, committed, failure)
	}
}

// checkClose checks whether the connections of the base are closed through the
// stack.
func (r *rig) checkClose(want bool) {
	r.t.Helper()
	ping := func() (connections int) {
		r.t.Helper()
		if _, err := r.api.Client.Do(r.t.Context(), transport.Request{Method: http.MethodGet, Path: "/ping"}); err != nil {
			r.t.Fatal(err)
		}
		return r.fake.Connections()
	}
	first, second := ping(), ping()
	r.api.Close()
	if third := ping(); first != 1 || second != 1 || (third == 2) != want {
		r.t.Errorf("after each of three calls, the last of them after Close, the fake had %d, %d and %d connections, want a new one after Close: %t", first, second, third, want)
	}
}
