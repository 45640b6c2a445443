package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// TestStack tests the invariants of a whole stack, whatever fails. Each broken
// invariant fails the test with a text that names it and what was seen, and with
// the exchanges that show it:
//
//   - A call reaches the base, and nothing is sent elsewhere.
//   - One call has one idempotency key, the same on every attempt, hedge and
//     replay. A caller's key is never replaced.
//   - A call that succeeded was applied exactly once. One that failed was applied
//     at most once, and its error says whether it may have been applied.
//   - The token goes only to the configured origin, over https, or http on
//     loopback, and no error shows it. No redirect is followed.
//   - Every body is closed, and connections are reused.
//   - A wait ends at once on cancellation, is not begun if it would outlast the
//     deadline, and is never shorter than Retry-After.
//   - At most 32 MiB of a response are read, plus up to 1 MiB ahead. Unknown
//     members are kept, and numbers keep every digit.
//   - The stack is safe for concurrent use, and no goroutine outlives its call.
//   - A failure that another attempt may fix is retried, as
//     [middleware.RetryPolicy] says, and nothing else is.
//
// It runs [TestFaults], the fault table; [TestStorm] with 500 spans; and tests of
// keys, responses and credentials. It calls build often, with different configs.
// Each stack must share nothing with the others: build must make its limiters and
// breakers, with limits that 1000 calls at once don't reach.
//
// For a stack with a retry policy or an auth of its own pass [OwnRetry] or
// [OwnAuth]: they leave out what is that stack's policy, and nothing else.
//
// Most tests run in testing/synctest bubbles: call TestStack outside a bubble.
func TestStack(t *testing.T, build Build, options ...SuiteOption) {
	s := newSuite("TestStack", t, build, options)
	s.checkReach(t)
	t.Run("faults", s.testFaults)
	t.Run("storm", func(t *testing.T) { s.testStorm(t, 500) })
	t.Run("keys", func(t *testing.T) { s.inBubble(t, s.testKeys) })
	t.Run("responses", func(t *testing.T) { s.inBubble(t, s.testAnswers) })
	t.Run("credentials", s.testCredentials)
}

// testKeys makes calls with and without a caller's key, and repeats one.
func (s *suite) testKeys(t *testing.T) {
	fake := s.fake(t)
	r := s.rig(t, fake, "http://localhost", fake.RoundTripper(), nil)

	const own = "the-callers-own-key"
	fake.Inject(prefactortest.On(spanCreate).Times(2).Reply(503))
	err := r.create(t.Context(), transport.WithIdempotencyKey(own))
	for _, x := range of(spanCreate, fake.Journal()) {
		if x.HeaderKey != own || x.BodyKey != own {
			broken(t, holdsKey, []prefactortest.Exchange{x}, "the caller set %q, the request has %q in its header and %q in its body", own, x.HeaderKey, x.BodyKey)
		}
	}
	r.checkInvariants(t, err)
	r.checkInvariants(t, r.create(t.Context(), transport.WithIdempotencyKey(own)))

	fake.Heal()
	var keys [2]string
	for n := range keys {
		var meta transport.Meta
		if err := r.create(t.Context(), transport.WithMeta(&meta)); err != nil {
			broken(t, holdsRepeats, of(spanCreate, fake.Journal()), "a call without a fault failed: %v", err)
		}
		keys[n] = meta.Key
	}
	if keys[0] == keys[1] || keys[0] == "" {
		broken(t, holdsKey, of(spanCreate, fake.Journal()), "two calls have the keys %q and %q", keys[0], keys[1])
	}
	s.testRepetition(t)
}

// testRepetition repeats, with its key, a call that failed but was applied.
func (s *suite) testRepetition(t *testing.T) {
	t.Helper()
	fake := s.fake(t)
	r := s.rig(t, fake, "http://localhost", fake.RoundTripper(), nil)
	fake.Inject(prefactortest.On(spanCreate).Always().ResetAfter())
	err := r.create(t.Context())
	fake.Heal()
	failure, ok := errors.AsType[*errs.Error](err)
	if !ok {
		broken(t, holdsOnce, of(spanCreate, fake.Journal()), "without a response, the call returned the error %v", err)
		return
	}
	r.checkInvariants(t, r.create(t.Context(), transport.WithIdempotencyKey(failure.Key)))
}

// testAnswers compares the stack's response with the server's.
func (s *suite) testAnswers(t *testing.T) {
	const document = `{"status":"success", "details":{"n":12345678901234567890.123456789,"new":{"deep":[1.10]}}, "beyond":"ü\u00fc"}`
	fake := s.fake(t)
	r := s.rig(t, fake, "http://localhost", fake.RoundTripper(), nil)
	fake.Inject(prefactortest.On("ping").Reply(http.StatusOK).Body(document))
	result, err := r.client.Do(t.Context(), transport.Request{Method: http.MethodGet, Path: "/ping"})
	if err != nil || string(result.Document) != document {
		broken(t, holdsKept, of("ping", fake.Journal()), "for a response with new members and long numbers, the call returned the error %v and %+v", err, result)
	}
}

// testCredentials sends requests to targets that must not get the token.
func (s *suite) testCredentials(t *testing.T) {
	const origin = "https://api.prefactor.test:8443"
	for _, tt := range []struct {
		name, api, target string
		edit              func(*http.Request)
	}{
		{name: "another host", api: origin, target: "https://elsewhere.test:8443/api/v1/agent_spans"},
		{name: "a host below", api: origin, target: "https://evil.api.prefactor.test:8443/api/v1/agent_spans"},
		{name: "another port", api: origin, target: "https://api.prefactor.test/api/v1/agent_spans"},
		{name: "plain http", api: origin, target: "http://api.prefactor.test:8443/api/v1/agent_spans"},
		{name: "another Host header", api: origin, target: origin + "/api/v1/agent_spans",
			edit: func(req *http.Request) { req.Host = "elsewhere.test" }},
		{name: "an opaque URL", api: origin, target: origin + "/api/v1/agent_spans",
			edit: func(req *http.Request) { req.URL.Opaque = "//elsewhere.test/api/v1/agent_spans" }},
		{name: "an API URL of plain http", api: "http://api.prefactor.test", target: "http://api.prefactor.test/api/v1/agent_spans"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.inBubble(t, func(t *testing.T) { s.testCredential(t, tt.api, tt.target, tt.edit, http.StatusOK) })
		})
	}
	t.Run("a redirect that an http.Client follows", func(t *testing.T) {
		s.inBubble(t, func(t *testing.T) {
			s.testCredential(t, origin, origin+"/api/v1/agent_spans", nil, http.StatusTemporaryRedirect)
		})
	})
}

// testCredential sends a request through an http.Client on a stack for the API
// at api. The first response has the status. Only requests to the origin of api
// may carry the token, and none over plain http.
func (s *suite) testCredential(t *testing.T, api, target string, edit func(*http.Request), status int) {
	sent := &destinations{fake: s.fake(t), status: status}
	sent.base = s.authorized(sent.fake.RoundTripper())
	rt, err := s.build(middleware.NewConfig(api, prefactortest.Token), sent)
	if err != nil {
		return // refused by build: nothing can leak
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(req)
	}
	client := &http.Client{Transport: rt}
	if resp, err := client.Do(req); err == nil {
		_ = resp.Body.Close()
	}
	for _, d := range sent.all() {
		if d.token && (d.origin != api || strings.HasPrefix(api, "http:")) {
			broken(t, holdsToken, []prefactortest.Exchange{d.exchange}, "the API is at %s, and a request to %s carried the token", api, d.origin)
		}
	}
}

// destinations is a base that records the origins of requests.
type destinations struct {
	fake   *prefactortest.Fake
	base   http.RoundTripper
	status int // of the first response

	mu   sync.Mutex
	seen []destination
}

type destination struct {
	origin   string
	token    bool
	exchange prefactortest.Exchange
}

func (d *destinations) all() []destination {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen
}

// RoundTrip sends the requests for all hosts to the fake.
func (d *destinations) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := d.base.RoundTrip(req)
	d.mu.Lock()
	defer d.mu.Unlock()
	journal := d.fake.Journal()
	d.seen = append(d.seen, destination{originOf(req), carries(req, prefactortest.Token), journal[len(journal)-1]})
	if err == nil && len(d.seen) == 1 && d.status != http.StatusOK {
		_ = resp.Body.Close()
		redirect := probeReply(req, d.status, "text/html", http.NoBody, 0)
		redirect.Header.Set("Location", "https://elsewhere.test:8443/api/v1/agent_spans")
		return redirect, nil
	}
	return resp, err
}

// originOf returns the origin to which a request is sent.
func originOf(req *http.Request) string {
	switch {
	case req.URL.Opaque != "":
		return req.URL.Scheme + ":" + req.URL.Opaque
	case req.Host != "" && req.Host != req.URL.Host:
		return req.URL.Scheme + "://" + req.URL.Host + " as " + req.Host
	}
	return req.URL.Scheme + "://" + req.URL.Host
}

// carries reports whether a request shows the token anywhere but in its body.
func carries(req *http.Request, token string) bool {
	return strings.Contains(fmt.Sprint(req.URL, req.Header), token)
}
