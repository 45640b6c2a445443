package prefactortest

import (
	"cmp"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// The status of agents that their runs don't have.
const retired = "retired"

// An agent is immutable: a change replaces it.
type agent struct {
	id, accountID, name, description, externalIdentifier string
	ownerPersonID, riskProfileID, teamID                 string
	status                                               string
	insertedAt, updatedAt                                time.Time
}

// An agentRecord is the current state of an agent, with what belongs to it. All
// but now is guarded by the fake's lock.
type agentRecord struct {
	now          atomic.Pointer[agent]
	instances    []*instanceRecord
	spans        []*spanRecord
	byExternal   map[string]*instanceRecord // by external identifier
	lastActivity time.Time
}

func (r *agentRecord) change(at time.Time, edit func(*agent)) {
	next := *r.now.Load()
	next.updatedAt = at
	edit(&next)
	r.now.Store(&next)
}

// used updates the agent when an instance of the version is registered.
func (r *agentRecord) used(v version, at time.Time) {
	r.change(at, func(a *agent) {
		if a.status == pending {
			a.status = active
		}
		a.name = cmp.Or(v.name, a.name)
		a.description = cmp.Or(v.description, a.description)
	})
}

// addAgent stores a new agent. The fake's lock is held.
func (s *store) addAgent(a *agent) *agentRecord {
	r := &agentRecord{byExternal: make(map[string]*instanceRecord)}
	r.now.Store(a)
	account := s.account(a.accountID)
	account.agents = append(account.agents, r)
	s.agents[a.id] = r
	return r
}

// agentFor finds the agent that a registration names. Outside strict mode it
// creates an agent that doesn't exist. The fake's lock is held.
func (f *Fake) agentFor(c *call, agentID, environmentID string) (*agentRecord, *failure) {
	if f.agents[agentID] == nil && !f.set.strict && c.grant.sees(c.grant.AccountID, agentID, environmentID) {
		return f.agent(agentID, c.grant.AccountID, f.set.clock()), nil
	}
	r, problem := f.visibleAgent(c, agentID)
	if problem == nil && !c.grant.sees(r.now.Load().accountID, agentID, environmentID) {
		problem = notFound("No environment of the token has the id " + environmentID)
	}
	return r, problem
}

// anyAgent returns the id of the account's oldest agent, or a new id. The
// fake's lock is held.
func (f *Fake) anyAgent(accountID string) string {
	if agents := f.account(accountID).agents; len(agents) > 0 {
		return agents[0].now.Load().id
	}
	return f.ids.next(accountID)
}

// visibleAgent finds the agent with the id. The fake's lock is held.
func (f *Fake) visibleAgent(c *call, id string) (*agentRecord, *failure) {
	r := f.agents[id]
	if r == nil || !c.grant.sees(r.now.Load().accountID, id, "") {
		return nil, notFound("No agent has the id " + id)
	}
	return r, nil
}

// An agentRow is an agent on the wire, in a list.
type agentRow struct {
	Type               string         `json:"type"`
	ID                 string         `json:"id"`
	AccountID          string         `json:"account_id"`
	Name               string         `json:"name"`
	Description        *string        `json:"description"`
	ExternalIdentifier *string        `json:"external_identifier"`
	Status             string         `json:"status"`
	OwnerPersonID      *string        `json:"owner_person_id"`
	TeamID             *string        `json:"team_id"`
	InstanceCounts     instanceCounts `json:"instance_counts"`
	AvailableActions   agentActions   `json:"available_actions"`
	InsertedAt         *string        `json:"inserted_at"`
	UpdatedAt          *string        `json:"updated_at"`
	LastActivitySpanAt *string        `json:"last_activity_span_at"`
}

// An agentDoc is an agent on the wire, outside lists.
type agentDoc struct {
	agentRow
	RiskProfileID *string `json:"risk_profile_id"`
}

// instanceCounts counts an agent's instances by status.
type instanceCounts struct {
	SpanCounts
	Terminated int `json:"terminated"`
}

// agentActions are the operations that the agent's status allows.
type agentActions struct {
	Update    bool `json:"update"`
	Retire    bool `json:"retire"`
	Reinstate bool `json:"reinstate"`
	Delete    bool `json:"delete"`
}

// doc returns the agent's wire form. The fake's lock is held.
func (r *agentRecord) doc() agentDoc {
	return agentDoc{r.row(), orNull(r.now.Load().riskProfileID)}
}

// row returns the agent's wire form in a list. The fake's lock is held.
func (r *agentRecord) row() agentRow {
	a := r.now.Load()
	return agentRow{
		Type:               "agent",
		ID:                 a.id,
		AccountID:          a.accountID,
		Name:               a.name,
		Description:        orNull(a.description),
		ExternalIdentifier: orNull(a.externalIdentifier),
		Status:             a.status,
		OwnerPersonID:      orNull(a.ownerPersonID),
		TeamID:             orNull(a.teamID),
		InstanceCounts:     r.count(),
		AvailableActions: agentActions{
			Update:    true,
			Retire:    a.status != retired,
			Reinstate: a.status == retired,
			Delete:    true,
		},
		InsertedAt:         stamp(a.insertedAt),
		UpdatedAt:          stamp(a.updatedAt),
		LastActivitySpanAt: stamp(r.lastActivity),
	}
}

func (r *agentRecord) count() (n instanceCounts) {
	for _, i := range r.instances {
		status := i.now.Load().Status
		n.add(status, 1)
		if status == terminated {
			n.Terminated++
			n.Finished++
		}
	}
	return n
}

func createAgent(f *Fake, c *call) action {
	details := c.details()
	a := &agent{
		id:                 details.id("id", optional),
		name:               details.text("name", needed),
		description:        details.text("description", optional),
		externalIdentifier: details.text("external_identifier", optional),
		ownerPersonID:      details.text("owner_person_id", optional),
		riskProfileID:      details.text("risk_profile_id", optional),
		teamID:             details.text("team_id", optional),
		accountID:          c.grant.AccountID,
		status:             pending,
	}
	details.done()
	if isPFID(a.id) && isPFID(a.accountID) && partition(a.id) != partition(a.accountID) {
		details.refuse("id", "is not in the partition of the account")
	}
	return func() (any, *failure) {
		if a.id != "" && f.agents[a.id] != nil {
			return nil, invalid(invalidValue("has already been taken", details.at("id")...))
		}
		if a.externalIdentifier != "" && f.agentCalled(a.accountID, a.externalIdentifier) != nil {
			return nil, invalid(invalidValue("has already been taken", details.at("external_identifier")...))
		}
		a.id = cmp.Or(a.id, f.ids.next(a.accountID))
		a.insertedAt = f.set.clock()
		a.updatedAt = a.insertedAt
		return success(f.addAgent(a).doc()), nil
	}
}

// agentCalled finds an agent by its external identifier. The fake's lock is
// held.
func (f *Fake) agentCalled(accountID, external string) *agentRecord {
	for _, r := range f.account(accountID).agents {
		if r.now.Load().externalIdentifier == external {
			return r
		}
	}
	return nil
}

// changeAgent returns an action that changes the call's agent.
func changeAgent(f *Fake, c *call, move func(r *agentRecord, now time.Time) *failure) action {
	return func() (any, *failure) {
		r, problem := f.visibleAgent(c, c.id)
		if problem == nil {
			problem = move(r, f.set.clock())
		}
		if problem != nil {
			return nil, problem
		}
		return success(r.doc()), nil
	}
}

func updateAgent(f *Fake, c *call) action {
	details := c.details()
	external := textEdit(details, "external_identifier", func(a *agent) *string { return &a.externalIdentifier })
	if details.has("name") { // which can't be cleared
		details.text("name", needed)
	}
	edits := []func(*agent){
		textEdit(details, "name", func(a *agent) *string { return &a.name }),
		textEdit(details, "description", func(a *agent) *string { return &a.description }),
		textEdit(details, "owner_person_id", func(a *agent) *string { return &a.ownerPersonID }),
		textEdit(details, "risk_profile_id", func(a *agent) *string { return &a.riskProfileID }),
		textEdit(details, "team_id", func(a *agent) *string { return &a.teamID }),
	}
	details.done()
	return changeAgent(f, c, func(r *agentRecord, now time.Time) *failure {
		edited := *r.now.Load()
		if external(&edited); edited.externalIdentifier != r.now.Load().externalIdentifier {
			return invalid(invalidValue("can't be changed", details.at("external_identifier")...))
		}
		r.change(now, func(a *agent) {
			for _, edit := range edits {
				edit(a)
			}
		})
		return nil
	})
}

// textEdit sets the field if the body has it, to "" if it is null.
func textEdit(p *params, name string, field func(*agent) *string) func(*agent) {
	given, text := p.has(name), p.text(name, optional)
	return func(a *agent) {
		if given {
			*field(a) = text
		}
	}
}

func retireAgent(f *Fake, c *call) action {
	return changeAgent(f, c, func(r *agentRecord, now time.Time) *failure {
		if r.now.Load().status == retired {
			return invalidAction("The agent is already retired")
		}
		r.change(now, func(a *agent) { a.status = retired })
		return nil
	})
}

func reinstateAgent(f *Fake, c *call) action {
	return changeAgent(f, c, func(r *agentRecord, now time.Time) *failure {
		if status := r.now.Load().status; status != retired {
			return invalidAction("An agent must be retired to be reinstated; this one is " + status)
		}
		r.change(now, func(a *agent) {
			a.status = pending
			if len(r.instances) > 0 {
				a.status = active
			}
		})
		return nil
	})
}

func deleteAgent(f *Fake, c *call) action {
	return changeAgent(f, c, func(r *agentRecord, _ time.Time) *failure {
		account := f.account(r.now.Load().accountID)
		account.agents = slices.DeleteFunc(slices.Clone(account.agents), func(other *agentRecord) bool { return other == r })
		delete(f.agents, c.id)
		return nil
	})
}

func getAgent(f *Fake, c *call) action {
	return func() (any, *failure) {
		f.mu.Lock()
		defer f.mu.Unlock()
		r, problem := f.visibleAgent(c, c.id)
		if problem != nil {
			return nil, problem
		}
		return success(r.doc()), nil
	}
}

// A shownAgent is the response with an agent and, if it was asked for, its risk.
type shownAgent struct {
	detailsDoc
	RiskRollup *riskRollup `json:"risk_rollup,omitzero"`
}

// A riskRollup sums up the span types of an agent: those that it used and those
// that it declared. One without types is null.
type riskRollup struct {
	ObservedRisk    *typesRisk `json:"observed_risk"`
	TheoreticalRisk *typesRisk `json:"theoretical_risk"`
}

// showAgent returns an agent by either of its ids, with its counts whether they
// are asked for or not.
func showAgent(f *Fake, c *call) action {
	id, external := c.query.either("agent_id", "external_identifier")
	rollup := c.query.flag("include_risk_rollup")
	c.query.flag("include_counts")
	c.query.text("environment_id")
	return func() (any, *failure) {
		f.mu.Lock()
		defer f.mu.Unlock()
		r, problem := f.namedAgent(c, id, external)
		if problem != nil {
			return nil, problem
		}
		doc := shownAgent{detailsDoc: success(r.doc())}
		if rollup {
			doc.RiskRollup = &riskRollup{newTypesRisk(r.usedTypes()), newTypesRisk(r.declaredTypes())}
		}
		return doc, nil
	}
}

// namedAgent finds the agent with the id or, if that is empty, with the external
// identifier. The fake's lock is held.
func (f *Fake) namedAgent(c *call, id, external string) (*agentRecord, *failure) {
	if id != "" {
		return f.visibleAgent(c, id)
	}
	if r := f.agentCalled(c.grant.AccountID, external); r != nil {
		return f.visibleAgent(c, r.now.Load().id)
	}
	return nil, notFound("No agent has the external identifier " + external)
}

// declaredTypes returns the data risks of the declared span types, by name. The
// fake's lock is held.
func (r *agentRecord) declaredTypes() map[string]jsontext.Value {
	types := make(map[string]jsontext.Value)
	for _, i := range r.instances {
		for name, schema := range i.now.Load().schemas.SpanTypes {
			types[name] = schema.DataRisk
		}
	}
	return types
}

// usedTypes returns the data risks of the types of the recorded spans, by name.
// The fake's lock is held.
func (r *agentRecord) usedTypes() map[string]jsontext.Value {
	types := make(map[string]jsontext.Value)
	for _, record := range r.spans {
		if s := record.now.Load(); s.Purpose == activity {
			types[s.SchemaName] = s.schema.DataRisk
		}
	}
	return types
}

// A typesRisk is the wire form of what the data risks of span types add up to.
type typesRisk struct {
	HighestClassification      string         `json:"highest_classification"`
	ClassificationCounts       map[string]int `json:"classification_counts"`
	AllDataCategories          []string       `json:"all_data_categories"`
	ExternalCommunicationCount int            `json:"external_communication_count"`
	TotalSpanTypes             int            `json:"total_span_types"`
	AssessedSpanTypes          int            `json:"assessed_span_types"`
	UnassessedSpanTypes        int            `json:"unassessed_span_types"`
}

// classifications are those of data, the least sensitive first.
var classifications = []string{"unknown", "public", "internal", "confidential", "restricted", "secret"}

// newTypesRisk adds up data risks, or returns nil if there are none. A type
// without a data risk is not assessed.
func newTypesRisk(types map[string]jsontext.Value) *typesRisk {
	if len(types) == 0 {
		return nil
	}
	sum := &typesRisk{ClassificationCounts: make(map[string]int), TotalSpanTypes: len(types)}
	highest, categories := 0, make(map[string]bool)
	for _, risk := range types {
		if risk == nil {
			sum.UnassessedSpanTypes++
			continue
		}
		sum.AssessedSpanTypes++
		doc, _ := members(risk) // its syntax was checked with the registration
		actions, _ := members(doc["action_profile"])
		if plain(actions["external_communication"]) == "allowed" {
			sum.ExternalCommunicationCount++
		}
		class := max(classify(doc["params_data_categories"], categories), classify(doc["result_data_categories"], categories))
		sum.ClassificationCounts[classifications[class]]++
		highest = max(highest, class)
	}
	sum.HighestClassification = classifications[highest]
	sum.AllDataCategories = slices.Sorted(maps.Keys(categories))
	return sum
}

// classify returns the index of the classification of data, and adds the
// categories that are included.
func classify(data jsontext.Value, included map[string]bool) (class int) {
	doc, _ := members(data)
	for name, v := range doc {
		if plain(v) == "included" {
			included[name] = true
		}
	}
	return max(0, slices.Index(classifications, plain(doc["classification"])))
}

// agentOrder holds the orders of a list of agents.
var agentOrder = map[string]func(a, b *agent) int{
	"id":                  func(a, b *agent) int { return cmp.Compare(a.id, b.id) },
	"name":                func(a, b *agent) int { return cmp.Compare(a.name, b.name) },
	"status":              func(a, b *agent) int { return cmp.Compare(a.status, b.status) },
	"external_identifier": func(a, b *agent) int { return cmp.Compare(a.externalIdentifier, b.externalIdentifier) },
	"timestamp":           func(a, b *agent) int { return a.insertedAt.Compare(b.insertedAt) },
}

func listAgents(f *Fake, c *call) action {
	owner := newChoice(&c.query, "owner_person_id")
	profile := newChoice(&c.query, "risk_profile_id")
	team := newChoice(&c.query, "team_id")
	c.query.text("environment_id")
	l := newListing(c, agentOrder)
	return func() (any, *failure) {
		f.mu.Lock()
		defer f.mu.Unlock()
		records := f.account(c.grant.AccountID).agents
		return l.answer(f, rows[agent]{
			writes: f.writes,
			length: len(records),
			at:     func(n int) *agent { return records[n].now.Load() },
			keep: func(a *agent) bool {
				return c.grant.sees(a.accountID, a.id, "") &&
					owner.takes(a.ownerPersonID) && profile.takes(a.riskProfileID) && team.takes(a.teamID)
			},
			doc: func(a *agent) any { return f.agents[a.id].row() },
		}), nil
	}
}

// A choice is a query parameter that an agent's field must equal. The text
// null means an empty field; without the parameter every field is chosen.
type choice struct{ want string }

func newChoice(q *query, name string) choice { return choice{q.text(name)} }

func (c choice) takes(s string) bool {
	return c.want == "" || c.want == s || c.want == "null" && s == ""
}
