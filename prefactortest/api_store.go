package prefactortest

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// A store holds the fake's records. Agents, instances, spans and alerts are immutable
// values that a change replaces, so they can be read without the lock.
type store struct {
	ids      ids
	tokens   map[string]Grant
	memories map[scope]memory

	accounts  map[string]*account
	agents    map[string]*agentRecord
	instances map[string]*instanceRecord
	spans     map[string]*spanRecord
	alerts    map[string]*alertRecord

	allInstances []*instanceRecord
	allSpans     []*spanRecord
	allAlerts    []*alertRecord

	found  map[foundKey]string
	writes int // counts the changes
}

// An account lists what belongs to it, oldest first. The slices only grow or
// are replaced, so a copy of a slice is a snapshot.
type account struct {
	agents    []*agentRecord
	instances []*instanceRecord
	spans     []*spanRecord
	alerts    []*alertRecord
}

// A foundKey identifies something that is created when it is first mentioned:
// a version, a schema version, a deployment.
type foundKey struct{ kind, agentID, name string }

func newStore(set settings) store {
	s := store{
		ids:       ids{random: rand.New(rand.NewPCG(set.seed, 1)), clock: set.clock},
		tokens:    make(map[string]Grant),
		memories:  make(map[scope]memory),
		accounts:  make(map[string]*account),
		agents:    make(map[string]*agentRecord),
		instances: make(map[string]*instanceRecord),
		spans:     make(map[string]*spanRecord),
		alerts:    make(map[string]*alertRecord),
		found:     make(map[foundKey]string),
	}
	s.agent(AgentID, AccountID, set.clock())
	for _, token := range slices.Sorted(maps.Keys(set.tokens)) {
		s.grant(token, set.tokens[token])
	}
	return s
}

// grant accepts the token, and creates its agent if it doesn't exist.
func (s *store) grant(token string, g Grant) {
	g.AccountID = cmp.Or(g.AccountID, AccountID)
	s.tokens[token] = g
	if g.AgentID != "" {
		s.agent(g.AgentID, g.AccountID, s.ids.clock())
	}
}

func (s *store) account(id string) *account {
	a := s.accounts[id]
	if a == nil {
		a = new(account)
		s.accounts[id] = a
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

// find returns the id of something that belongs to the agent. The first
// mention makes the id.
func (s *store) find(kind, agentID, name string) string {
	key := foundKey{kind, agentID, name}
	id, ok := s.found[key]
	if !ok {
		id = s.ids.next(agentID)
		s.found[key] = id
	}
	return id
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
