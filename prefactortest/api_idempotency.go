package prefactortest

import (
	"crypto/sha256"
	"maps"
	"net/http"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// A reply is a response of the API. It is encoded at most once.
type reply struct {
	status    int
	doc       any
	committed bool // this exchange changed something
	replay    bool

	once *sync.Once
	body *[]byte
}

func newReply(status int, doc any) *reply {
	return &reply{status: status, doc: doc, once: new(sync.Once), body: new([]byte)}
}

func fail(problem *failure) *reply { return newReply(problem.status, problem.doc()) }

func (r *reply) ok() bool { return r.status < http.StatusBadRequest }

func (r *reply) encoded() []byte {
	r.once.Do(func() { *r.body = encode(r.doc) })
	return *r.body
}

// repeated returns r as a replay.
func (r *reply) repeated() *reply {
	again := *r
	again.committed, again.replay = false, true
	return &again
}

// A scope is the namespace of an idempotency key, and the key.
type scope struct{ account, operation, id, key string }

// A memory is a write that succeeded.
type memory struct {
	print [sha256.Size]byte
	reply *reply
}

// perform runs an authorized call. A write with a known key gets the first
// reply again. Writes run under the fake's lock, so of two at once the second
// waits for the first.
func (f *Fake) perform(c *call) *reply {
	if c.op.name == bulkExecute {
		return f.performBulk(c)
	}
	c.checkKey()
	act := c.op.prepare(f, c)
	c.body.done()
	c.query.done()
	if problem := c.invalid(); problem != nil {
		return fail(problem)
	}
	if !c.op.write {
		return replyWith(act())
	}
	print := c.print()

	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.recall(c, print); known != nil {
		return known
	}
	r := replyWith(act())
	if r.ok() {
		r.committed = true
		f.writes++
		f.remember(c, print, r)
	}
	return r
}

func replyWith(doc any, problem *failure) *reply {
	if problem != nil {
		return fail(problem)
	}
	return newReply(http.StatusOK, doc)
}

func (c *call) scope() scope { return scope{c.grant.AccountID, c.op.name, c.id, c.key()} }

// recall returns the reply to a known key, or nil. The fake's lock is held.
func (f *Fake) recall(c *call, print [sha256.Size]byte) *reply {
	m, known := f.memories[c.scope()]
	switch {
	case !known:
		return nil
	case m.print == print:
		return m.reply.repeated()
	case f.set.mismatchStatus == http.StatusUnprocessableEntity:
		return fail(invalid(invalidValue("was used with another body", "idempotency_key")))
	default:
		return fail(&failure{
			status:  f.set.mismatchStatus,
			code:    "conflict",
			message: "The idempotency key was used with another body",
		})
	}
}

// remember stores the reply under the call's key. The fake's lock is held.
func (f *Fake) remember(c *call, print [sha256.Size]byte, r *reply) {
	if c.key() != "" {
		f.memories[c.scope()] = memory{print, r}
	}
}

// print returns a hash of the body without its key, whatever the spacing and
// the order of its fields. It is zero if the call has no key.
func (c *call) print() [sha256.Size]byte {
	if c.key() == "" {
		return [sha256.Size]byte{}
	}
	doc := maps.Clone(c.body.doc)
	delete(doc, "idempotency_key")
	if c.body.kind("details") == '{' {
		details, _ := members(doc["details"]) // its syntax was checked with the body
		delete(details, "idempotency_key")
		doc["details"] = encode(details)
	}
	v := jsontext.Value(encode(doc))
	// The options distinguish numbers that are equal as float64.
	if err := v.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false)); err != nil {
		panic("prefactortest: can't compare a body: " + err.Error())
	}
	return sha256.Sum256(v)
}
