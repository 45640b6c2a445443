package prefactortest

import (
	"bytes"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
)

// A reply is a response of the API. Its doc never changes.
type reply struct {
	status    int
	doc       any
	committed bool // this exchange changed something
	replay    bool
}

func fail(problem *failure) *reply { return &reply{status: problem.status, doc: problem.doc()} }

func (r *reply) ok() bool { return r.status < http.StatusBadRequest }

func (r *reply) encoded() []byte {
	if text, ok := r.doc.(encodedDoc); ok {
		return text
	}
	return encode(r.doc)
}

// An encodedDoc is a doc that is encoded already.
type encodedDoc []byte

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
	body  []byte // of the request
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
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.recall(c); known != nil {
		return known
	}
	r := replyWith(act())
	if r.ok() {
		r.committed = true
		f.writes++
		f.remember(c, r)
	}
	return r
}

func replyWith(doc any, problem *failure) *reply {
	if problem != nil {
		return fail(problem)
	}
	return &reply{status: http.StatusOK, doc: doc}
}

func (c *call) scope() scope { return scope{c.grant.AccountID, c.op.name, c.id, c.key()} }

// recall returns the reply to a known key, or nil. The fake's lock is held.
func (f *Fake) recall(c *call) *reply {
	m, known := f.memories[c.scope()]
	switch {
	case !known:
		return nil
	case c.sameBody(m.body):
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
func (f *Fake) remember(c *call, r *reply) {
	if c.key() != "" {
		f.memories[c.scope()] = memory{c.text, r}
	}
}

// sameBody reports whether the call has the body of another one, whatever the
// spacing and the order of the fields of both.
func (c *call) sameBody(other []byte) bool {
	return bytes.Equal(c.canonical(c.text), c.canonical(other))
}

// canonical returns the form that equal bodies have in common, without their
// keys and, for a bulk item, what a request has in its path.
func (c *call) canonical(body []byte) []byte {
	doc, _ := members(body) // its syntax was checked; nothing is an empty object
	for _, name := range []string{"idempotency_key", "_type", c.op.itemID} {
		delete(doc, name)
	}
	if details, ok := members(doc["details"]); ok {
		delete(details, "idempotency_key")
		doc["details"] = encode(details)
	}
	v := jsontext.Value(encode(doc))
	// The options distinguish numbers that are equal as float64.
	if err := v.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false)); err != nil {
		panic("prefactortest: can't compare a body: " + err.Error())
	}
	return v
}
