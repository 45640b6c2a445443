package prefactortest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Fake is an in-memory Prefactor API server: it holds agents, instances,
// spans and alerts, follows the API's rules for them, and records every
// exchange.
//
// It has no connections of its own; requests reach it through its faces. The
// Fake is an [http.Handler]; [NewServer] and [Fake.Listen] serve it on TCP,
// [Fake.Pipe] over in-memory connections, [Fake.RoundTripper] and
// [Fake.HTTPMock] without connections. All faces of a Fake share its state,
// and all its methods are safe for concurrent use. They panic if the Fake is nil, or
// [New] didn't make it.
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
		must(opt != nil, "a nil Option of New or NewServer", "leave it out")
		opt(&f.set)
	}
	if f.set.strict && f.set.unknown == ignoreUnknown {
		f.set.unknown = refuseUnknown
	}
	f.journal = newJournal(f.set.journalLimit)
	f.script = newScript(f.set.seed)
	f.store = newStore(f.set)
	if f.set.t != nil {
		f.set.t.Cleanup(func() { f.AssertFired(f.set.t) })
	}
	return f
}

// made panics if f isn't made by New.
func (f *Fake) made() {
	must(f != nil && f.accounts != nil, "a Fake that is nil or empty", "make it with New, or a Server with NewServer")
}

// Connections returns the number of connections that the TCP and pipe faces
// have accepted so far. It stays low if the client reuses its connections.
func (f *Fake) Connections() int {
	f.made()
	return int(f.connections.Load())
}

// AddToken makes the fake accept token, with the rights of grant, from the
// next request on. [BadToken] is refused nevertheless.
func (f *Fake) AddToken(token string, grant Grant) {
	f.made()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grant(token, grant, time.Time{})
	f.writes++
}

// RevokeToken makes the fake refuse token from the next request on, with
// 401 and the code bad_authtoken.
func (f *Fake) RevokeToken(token string) {
	f.made()
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.tokens[token]; t != nil {
		t.status, t.updatedAt = revoked, f.set.clock()
	}
}

// Wait returns nil as soon as cond is true. It calls cond at once, then after
// every exchange, [Fake.Terminate] and [Fake.SetRiskScore]; cond may call any method of the
// fake. If ctx ends first, the error wraps its cause and includes [Fake.Tree].
func (f *Fake) Wait(ctx context.Context, cond func() bool) error {
	f.made()
	must(ctx != nil, "Wait with a nil context", "give that of the test")
	must(cond != nil, "Wait(nil)", "give a function")
	for {
		changed := f.journal.watch()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("prefactortest: the condition never became true: %w; the fake holds\n%s",
				context.Cause(ctx), f.Tree())
		}
	}
}

// A request is a request as a face passes it on, with its whole body.
type request struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
	conn   int
}

// serve handles one request: it enters it in the journal, applies a fault and
// runs the operation. The face sends the delivery to the client.
func (f *Fake) serve(r request) *delivery {
	c := newCall(f, r)
	x := f.journal.begin(c.exchange(r))
	fault := f.script.next(x)

	d := &delivery{cut: -1}
	if fault == nil || fault.runs() {
		rep := f.answer(c)
		x.Committed, x.Replay, x.Dropped = rep.committed, rep.replay, c.dropped
		d.status, d.body = rep.status, rep.encoded()
	}
	if fault != nil {
		x.Fault = fault.String()
		fault.treat(d, f.set.clock())
	}
	d.delay += f.set.latency
	if !d.reset && !d.closed && !d.hang {
		x.Status, x.Answer = d.status, d.body
	}
	f.journal.finish(x)
	if f.set.observe != nil {
		f.set.observe(x)
	}
	return d
}

// answer authorizes the call and runs it.
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

// authorize sets the call's grant, and returns a failure if the token is
// refused.
func (f *Fake) authorize(c *call) *failure {
	scheme, token, _ := strings.Cut(c.authorization, " ")
	now := f.set.clock()
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.tokens[token]
	if !t.accepted(now) || !strings.EqualFold(scheme, "Bearer") {
		return &failure{status: 401, code: "bad_authtoken", message: "Token expired or not known"}
	}
	t.lastUsedAt = now
	c.grant = t.grant
	return c.grant.allows(c.op)
}
