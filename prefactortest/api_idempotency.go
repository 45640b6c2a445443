package prefactortest

import (
	"crypto/sha256"
	"maps"
	"net/http"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// A reply is an answer of the API, encoded at most once.
type reply struct {
	status    int
	doc       any
	committed bool // this very exchange changed something
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

// repeated is the same answer given again.
func (r *reply) repeated() *reply {
	again := *r
	again.committed, again.replay = false, true
	return &again
}

// A scope is where an idempotency key is one: the same key elsewhere is
// another.
type scope struct{ account, operation, id, key string }

// A memory is a write that succeeded, by its key.
type memory struct {
	print [sha256.Size]byte
	reply *reply
}

// perform answers a call that may do what it asks for. A write with a known
// key gets its first answer again; since all of it happens under the fake's
// lock, the second of two at once waits for the first.
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
		return conclude(act())
	}
	print := c.print()

	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.recall(c, print); known != nil {
		return known
	}
	r := conclude(act())
	if r.ok() {
		r.committed = true
		f.writes++
		f.remember(c, print, r)
	}
	return r
}

func conclude(doc any, problem *failure) *reply {
	if problem != nil {
		return fail(problem)
	}
	return newReply(http.StatusOK, doc)
}

func (c *call) scope() scope { return scope{c.grant.AccountID, c.op.name, c.id, c.key()} }

// recall is nil where the call has no key or a new one. The fake's lock is
// held.
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

// remember keeps a success by its key. The fake's lock is held.
func (f *Fake) remember(c *call, print [sha256.Size]byte, r *reply) {
	if c.key() != "" {
		f.memories[c.scope()] = memory{print, r}
	}
}

// print is equal for equal bodies, however they are spaced or ordered and
// wherever the key stands. It is zero where there is no key.
func (c *call) print() [sha256.Size]byte {
	if c.key() == "" {
		return [sha256.Size]byte{}
	}
	doc := maps.Clone(c.body.doc)
	delete(doc, "idempotency_key")
	if c.body.kind("details") == '{' {
		var details map[string]jsontext.Value
		decode(doc["details"], &details)
		delete(details, "idempotency_key")
		doc["details"] = encode(details)
	}
	v := jsontext.Value(encode(doc))
	// The options keep numbers apart that differ only beyond a float64.
	if err := v.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false)); err != nil {
		panic("prefactortest: can't compare a body: " + err.Error())
	}
	return sha256.Sum256(v)
}
