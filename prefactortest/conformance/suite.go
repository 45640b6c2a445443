package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// A Build builds the stack under test for cfg, on base. The suites call it
// often, with different configs.
type Build func(cfg middleware.Config, base http.RoundTripper) (http.RoundTripper, error)

// A SuiteOption describes a property of the stack to a suite.
type SuiteOption func(*suite)

// Hedged means that the stack hedges: it may send requests early, and more than
// retries need. The suite then checks no numbers of requests and connections,
// no waits, and not that attempts are used up before a call fails in the storm.
func Hedged() SuiteOption { return func(s *suite) { s.hedged = true } }

// OwnRetry means that the stack has a retry of its own, or none. The suite then
// doesn't check what is policy:
//
//   - which failures are retried, and how often
//   - how long the waits are, and whether one is begun that would outlast the
//     deadline
//   - whether a retry_after_ms in the body is waited for, which is an extension
//     of the API
//   - that an error matches [errs.ErrExhausted]
//
// A call may then succeed or fail, whatever the fault. All else is checked. In
// particular, a success isn't repeated, each attempt has the call's key, a call is
// applied once at most and its error reports whether it may have been applied, a
// request never comes earlier than a Retry-After header allows, a call ends at once
// when its context ends, and each response is bounded and closed.
//
// The storm and the tests over TCP run in real time. Their Config asks for waits of
// milliseconds: build the retry with them, or the suite takes minutes.
func OwnRetry() SuiteOption { return func(s *suite) { s.ownRetry = true } }

// OwnAuth means that the stack sends credentials of its own in place of
// [middleware.Config.APIToken], or none. The suite replaces the Authorization
// header of what arrives at the base, so that the fake accepts every request. It
// doesn't check what is policy:
//
//   - which requests get the stack's own credentials
//   - whether a 401 is repeated with fresh ones
//
// All else is checked. In particular, no error shows an Authorization header, no
// redirect is followed, and if the stack sends the APIToken after all, it goes
// only to the configured origin.
func OwnAuth() SuiteOption { return func(s *suite) { s.ownAuth = true } }

type suite struct {
	build    Build
	hedged   bool
	ownRetry bool
	ownAuth  bool
	dog      watchdog
}

// newSuite returns what the exported function called name tests with. It ends the
// test if there is nothing to test.
func newSuite(name string, t *testing.T, build Build, options []SuiteOption) *suite {
	mustTest(name, t)
	t.Helper()
	if build == nil {
		t.Fatalf("conformance.%s: build is nil: give a function that builds the stack under test", name)
	}
	s := &suite{build: build}
	for i, set := range options {
		if set == nil {
			t.Fatalf("conformance.%s: option %d is nil: leave it out", name, i+1)
		}
		set(s)
	}
	return s
}

func mustTest(name string, t *testing.T) {
	if t == nil {
		panic("conformance." + name + ": t is nil: give the test that calls it")
	}
}

// inBubble runs a test of the stack in virtual time.
func (s *suite) inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	s.watched(t, func(strays func() []string) {
		if inBubble(t, f) {
			broken(t, holdsConcurrent, nil, "goroutines are left that never end, in %s", strings.Join(strays(), ", "))
		}
	})
}

// watched runs a part of a test, and ends the test if that part hangs.
func (s *suite) watched(t *testing.T, f func(strays func() []string)) {
	t.Helper()
	s.dog.at("the test")
	if hang := s.dog.watch(t, f); hang != "" {
		broken(t, holdsWaits, nil, "%s", hang)
		t.FailNow()
	}
}

// A rig is a stack under test with its fake.
type rig struct {
	fake     *prefactortest.Fake
	client   *transport.Client
	rt       http.RoundTripper // the stack
	base     *watchedBase
	instance string
}

// rig builds the stack under test, and makes an active instance on the fake.
func (s *suite) rig(t *testing.T, fake *prefactortest.Fake, url string, base http.RoundTripper, tune func(*middleware.Config)) *rig {
	t.Helper()
	cfg := middleware.NewConfig(url, prefactortest.Token)
	if tune != nil {
		tune(&cfg)
	}
	watched := &watchedBase{RoundTripper: s.authorized(base)}
	rt, err := s.build(cfg, watched)
	if err != nil {
		t.Fatalf("building the stack: %v", err)
	}
	if rt == nil {
		t.Fatal("building the stack: build returned neither a round tripper nor an error")
	}
	client, err := transport.NewClient(url, rt)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{fake: fake, client: client, rt: rt, base: watched, instance: activeInstance(t, fake)}
}

// checkReach makes one call, which must reach the base. Otherwise it ends the test,
// because nothing else would prove anything.
func (s *suite) checkReach(t *testing.T) {
	t.Helper()
	s.watched(t, func(strays func() []string) {
		inBubble(t, func(t *testing.T) {
			fake := s.fake(t)
			r := s.rig(t, fake, "http://localhost", fake.RoundTripper(), nil)
			err := r.create(t.Context())
			if len(of(spanCreate, fake.Journal())) == 0 {
				broken(t, holdsReach, nil, "the first call didn't reach it, and returned the error %v: build the stack on the base that Build gets", err)
			}
			if inSocket(strays()) {
				broken(t, holdsReach, nil, "the first call used a socket: send over the base, also what layers send of their own")
				closeSockets(r.rt, strays)
			}
		})
	})
}

// fake makes a fake. The test fails if an injected fault strikes too few
// requests, unless the number of requests is the stack's own policy.
func (s *suite) fake(t *testing.T) *prefactortest.Fake {
	if s.ownRetry {
		return prefactortest.New()
	}
	return prefactortest.New(prefactortest.WithT(t))
}

// activeInstance registers and starts an instance.
func activeInstance(t *testing.T, fake *prefactortest.Fake) string {
	t.Helper()
	client, err := transport.NewClient("http://localhost", fake.RoundTripper())
	if err != nil {
		t.Fatal(err)
	}
	token := transport.WithHeader("Authorization", "Bearer "+prefactortest.Token)
	registered, err := opRegister.Do(t.Context(), client, transport.Input{Body: map[string]any{
		"agent_id": prefactortest.AgentID, "environment_id": prefactortest.EnvironmentID,
		"agent_version":        map[string]any{"external_identifier": "1"},
		"agent_schema_version": map[string]any{"external_identifier": "1"},
	}}, token)
	if err != nil {
		t.Fatal(err)
	}
	id := registered.Details.ID
	if _, err := opStart.Do(t.Context(), client, transport.Input{Values: []string{id}, Body: struct{}{}}, token); err != nil {
		t.Fatal(err)
	}
	return id
}

// identified is the response of an operation that returns one record.
type identified struct {
	Details struct {
		ID string `json:"id"`
	} `json:"details"`
}

// Check implements [transport.Checker].
func (d *identified) Check(jsontext.Value) error {
	if d.Details.ID == "" {
		return errors.New("its document has no details")
	}
	return nil
}

var (
	opRegister = transport.NewOp[identified]("agent_instances.register", http.MethodPost, "/agent_instance/register")
	opStart    = transport.NewOp[identified]("agent_instances.start", http.MethodPost, "/agent_instance/{id}/start")
	opCreate   = transport.NewOp[identified](spanCreate, http.MethodPost, "/agent_spans")
)

// create makes one span through the stack under test.
func (r *rig) create(ctx context.Context, options ...transport.Option) error {
	_, err := opCreate.Do(ctx, r.client, transport.Input{Body: map[string]any{"details": map[string]any{
		"agent_instance_id": r.instance, "schema_name": "llm", "status": "active", "payload": map[string]any{},
	}}}, options...)
	return err
}

// checkInvariants checks what must hold after any single call that returned
// err.
func (r *rig) checkInvariants(t *testing.T, err error) {
	t.Helper()
	journal := of(spanCreate, r.fake.Journal())
	spans := len(r.fake.Spans())
	switch {
	case err == nil && spans != 1:
		broken(t, holdsOnce, journal, "the call succeeded, and created %d spans", spans)
	case err != nil && spans > 1:
		broken(t, holdsOnce, journal, "the call failed, and created %d spans: %v", spans, err)
	case err != nil && spans == 1 && !errs.MaybeApplied(err):
		broken(t, holdsOnce, journal, "MaybeApplied is false, but the span was created: %v", err)
	}
	r.checkKeys(t, journal, err)
	r.checkError(t, journal, err)
	if open := r.base.open.Load(); open != 0 {
		broken(t, holdsBodies, journal, "%d response bodies are open", open)
	}
	if n := r.base.longest.Load(); n > transport.MaxAnswer+(1<<20) {
		broken(t, holdsBound, journal, "%d bytes of a response were read", n)
	}
}

// checkKeys checks the keys of a call that returned err.
func (r *rig) checkKeys(t *testing.T, journal []prefactortest.Exchange, err error) {
	t.Helper()
	keys := make(map[string]bool)
	for _, x := range journal {
		keys[x.Key] = true
		if x.Key == "" || x.HeaderKey != x.BodyKey {
			broken(t, holdsKey, []prefactortest.Exchange{x}, "a request carries the key %q in its header and %q in its body", x.HeaderKey, x.BodyKey)
		}
	}
	if len(keys) > 1 {
		broken(t, holdsKey, journal, "one call had %d keys", len(keys))
	}
	if failure, ok := errors.AsType[*errs.Error](err); ok && len(keys) == 1 && !keys[failure.Key] {
		broken(t, holdsKey, journal, "the error has the key %q", failure.Key)
	}
}

// checkError checks that err doesn't show the token, nor other credentials that
// the stack sent.
func (r *rig) checkError(t *testing.T, journal []prefactortest.Exchange, err error) {
	t.Helper()
	if err == nil {
		return
	}
	text := fmt.Sprintf("%v %+v %#v", err, err, err)
	for _, secret := range append(r.base.credentials(), prefactortest.Token) {
		if strings.Contains(text, secret) {
			broken(t, holdsToken, journal, "the error shows the token")
			return
		}
	}
}
