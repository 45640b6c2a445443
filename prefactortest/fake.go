package prefactortest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

// A Fake is a Prefactor API server that lives in memory: it holds agents,
// instances and spans, follows the API's rules for them, and records every
// exchange.
//
// It has no connection of its own. The faces bring requests to it: the Fake
// is an [http.Handler]; [NewServer] and [Fake.Listen] serve it on TCP,
// [Fake.Pipe] over in-memory connections, [Fake.RoundTripper] and
// [Fake.HTTPMock] without any. All faces of a Fake share its state, and all
// its methods are safe for concurrent use.
type Fake struct {
	set         settings
	journal     journal
	script      script
	connections atomic.Int64
	view        view

	mu sync.Mutex // guards what follows
	store
}

// New makes a fake that accepts [Token] and holds one agent, [AgentID].
func New(opts ...Option) *Fake {
	f := &Fake{set: defaultSettings()}
	for _, opt := range opts {
		opt(&f.set)
	}
	f.journal = newJournal(f.set.journalLimit)
	f.script = newScript(f.set.seed)
	f.store = newStore(f.set)
	if f.set.t != nil {
		f.set.t.Cleanup(func() { f.AssertFired(f.set.t) })
	}
	return f
}

// Connections tells how many connections the TCP and pipe faces have
// accepted so far. A client that reuses its connections keeps it low.
func (f *Fake) Connections() int { return int(f.connections.Load()) }

// AddToken makes the fake accept token with what the grant allows, from the
// next request on. The token "bad" is refused nevertheless.
func (f *Fake) AddToken(token string, grant Grant) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grant(token, grant)
}

// RevokeToken makes the fake refuse token from the next request on, with
// 401 and the code bad_authtoken.
func (f *Fake) RevokeToken(token string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.tokens, token)
}

// Wait returns nil as soon as cond holds. It tests cond at once and then
// after every exchange; cond may call any method of the fake. When ctx ends
// first, the error wraps its cause and tells what the fake holds.
func (f *Fake) Wait(ctx context.Context, cond func() bool) error {
	for {
		changed := f.journal.watch()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("prefactortest: the condition never held: %w; the fake holds\n%s",
				context.Cause(ctx), f.Tree())
		}
	}
}

// A request is what a face hands over: the request's parts, with the body
// read to its end.
type request struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
	conn   int
}

// serve takes one request through the journal, the faults and the API, and
// says what the face has to bring to the client.
func (f *Fake) serve(r request) *outcome {
	c := newCall(f, r)
	x := f.journal.begin(c.exchange(r))
	fault := f.script.next(x)

	o := &outcome{cut: -1}
	if fault == nil || fault.runs() {
		rep := f.answer(c)
		x.Committed, x.Replay = rep.committed, rep.replay
		o.status, o.body = rep.status, rep.encoded()
	}
	if fault != nil {
		x.Fault = fault.String()
		fault.treat(o, f.set.clock())
	}
	o.delay += f.set.latency
	if !o.reset && !o.closed && !o.hang {
		x.Status, x.Answer = o.status, o.body
	}
	f.journal.finish(x)
	if f.set.observe != nil {
		f.set.observe(x)
	}
	return o
}

// answer runs the call as the API does.
func (f *Fake) answer(c *call) *reply {
	if c.op == nil {
		return fail(notFound(nearMisses(c.method, c.path)))
	}
	if problem := f.authorize(c); problem != nil {
		return fail(problem)
	}
	if c.bodyProblem != "" {
		return fail(badRequest(c.bodyProblem))
	}
	return f.perform(c)
}

// authorize finds out what the call's token may do.
func (f *Fake) authorize(c *call) *failure {
	scheme, token, _ := strings.Cut(c.authorization, " ")
	f.mu.Lock()
	grant, known := f.tokens[token]
	f.mu.Unlock()
	if !known || token == BadToken || !strings.EqualFold(scheme, "Bearer") {
		return &failure{status: 401, code: "bad_authtoken", message: "Token expired or not known"}
	}
	c.grant = grant
	return grant.allows(c.op)
}
