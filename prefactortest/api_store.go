package prefactortest

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// A store holds the fake's records. Agents, instances, spans and alerts are immutable
// values that a change replaces, so they can be read without the lock.
type store struct {
	ids      ids
	tokens   map[string]*apiToken
	memories map[scope]memory

	accounts  map[string]*account
	agents    map[string]*agentRecord
	instances map[string]*instanceRecord
	spans     map[string]*spanRecord
	alerts    map[string]*alertRecord

	allInstances []*instanceRecord
	allSpans     []*spanRecord
	allAlerts    []*alertRecord

	mentioned map[foundKey]*entry
	writes    int // counts the changes
}

// An account lists what belongs to it, oldest first. The slices only grow or
// are replaced, so a copy of a slice is a snapshot.
type account struct {
	agents    []*agentRecord
	instances []*instanceRecord
	spans     []*spanRecord
	entries   map[string][]*entry // the other resources, by noun
	alerts    []*alertRecord
}

// A foundKey identifies an entry that is created when it is first mentioned: an
// environment of an account; a deployment, a version or a schema version of an
// agent.
type foundKey struct{ noun, owner, name string }

func newStore(set settings) store {
	s := store{
		ids:       ids{random: rand.New(rand.NewPCG(set.seed, 1)), clock: set.clock},
		tokens:    make(map[string]*apiToken),
		memories:  make(map[scope]memory),
		accounts:  make(map[string]*account),
		agents:    make(map[string]*agentRecord),
		instances: make(map[string]*instanceRecord),
		spans:     make(map[string]*spanRecord),
		alerts:    make(map[string]*alertRecord),
		mentioned: make(map[foundKey]*entry),
	}
	s.agent(AgentID, AccountID, set.clock())
	s.deployment(AccountID, AgentID, EnvironmentID)
	for _, token := range slices.Sorted(maps.Keys(set.tokens)) {
		s.grant(token, set.tokens[token], time.Time{})
	}
	return s
}

func (s *store) account(id string) *account {
	a := s.accounts[id]
	if a == nil {
		a = &account{entries: make(map[string][]*entry)}
		s.accounts[id] = a
		s.add("account", &entry{id: id, accountID: id, doc: func() any { return accountDoc{"account", id, id} }})
	}
	return a
}

// agent finds or creates the agent.
func (s *store) agent(id, accountID string, now time.Time) *agentRecord {
	if r := s.agents[id]; r != nil {
		return r
	}
	return s.addAgent(&agent{id: id, accountID: accountID, name: id, status: "pending", insertedAt: now, updatedAt: now})
}

// An entry is one of the account's resources as lists and gets need it.
// It is guarded by the fake's lock.
type entry struct {
	id, accountID, agentID, environmentID string
	externalIdentifier                    string
	versionID, schemaVersionID            string // of a deployment's current version; a version has the second
	insertedAt, updatedAt                 time.Time
	doc                                   func() any // its wire form
	row                                   func() any // the same in a list; nil means doc
}

// found returns the entry that the key identifies. The first mention makes it.
// The fake's lock is held.
func (s *store) found(key foundKey, first func() *entry) *entry {
	e := s.mentioned[key]
	if e == nil {
		e = first()
		s.mentioned[key] = e
	}
	return e
}

// add stores an entry under its noun in the API. The fake's lock is held.
func (s *store) add(noun string, e *entry) {
	e.insertedAt = s.ids.clock()
	e.updatedAt = e.insertedAt
	entries := s.account(e.accountID).entries
	entries[noun] = append(entries[noun], e)
}

// entryWith finds the first entry that the call may see and want accepts, or
// nil. The fake's lock is held.
func (f *Fake) entryWith(c *call, noun string, want func(*entry) bool) *entry {
	for _, e := range f.account(c.grant.AccountID).entries[noun] {
		if c.grant.seesEntry(e) && want(e) {
			return e
		}
	}
	return nil
}

// hasEntry reports whether there is an entry with the id. The fake's lock is
// held.
func (f *Fake) hasEntry(c *call, noun, id string) bool {
	_, problem := f.entryFor(c, noun, id)
	return problem == nil
}

// entryFor finds the entry with the id. The fake's lock is held.
func (f *Fake) entryFor(c *call, noun, id string) (*entry, *failure) {
	e := f.entryWith(c, noun, func(e *entry) bool { return e.id == id })
	if e == nil {
		return nil, notFound("No " + noun + " has the id " + id)
	}
	return e, nil
}

// stamp returns the wire form of a time; the zero time is null.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC().Format("2006-01-02T15:04:05.000000Z"))
}

// orNull returns the wire form of an optional text; the empty text is null.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// orNow returns t, or now if t is zero.
func orNow(t, now time.Time) time.Time {
	if t.IsZero() {
		return now
	}
	return t
}
