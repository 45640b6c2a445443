package prefactortest

import (
	"cmp"
	"maps"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// The statuses of instances and spans. A span is never terminated.
const (
	pending    = "pending"
	active     = "active"
	complete   = "complete"
	failed     = "failed"
	cancelled  = "cancelled"
	terminated = "terminated"
)

// An Instance is a run of an agent as the fake holds it. A null time is the
// zero time, a null text is empty.
type Instance struct {
	ID                 string
	AccountID          string
	AgentID            string
	AgentVersionID     string
	AgentDeploymentID  string
	EnvironmentID      string
	ExternalIdentifier string
	Purpose            string
	// Status is pending, active, complete, failed, cancelled or terminated.
	Status            string
	TerminationReason string
	InsertedAt        time.Time
	UpdatedAt         time.Time
	StartedAt         time.Time
	FinishedAt        time.Time
	// Quality holds the recorded payloads by name.
	Quality map[string]jsontext.Value
	// QualityPayload is the payload set by an update; nil is null.
	QualityPayload jsontext.Value
	// RiskScore is what [Fake.SetRiskScore] set; nil is null.
	RiskScore *RiskScore

	// The rest is as of the call that returned the Instance.

	// SpanCounts counts the spans by status.
	SpanCounts SpanCounts
	// LastActivitySpanAt is the latest start or finish of a span of the purpose
	// activity.
	LastActivitySpanAt time.Time
	// RaisedAlertCount counts the alerts that are raised and not cleared.
	RaisedAlertCount int

	schemas schemasDoc // the declared schemas
}

// SpanCounts counts an instance's spans by status.
type SpanCounts struct {
	Total     int `json:"total"`
	Pending   int `json:"pending"`
	Active    int `json:"active"`
	Complete  int `json:"complete"`
	Failed    int `json:"failed"`
	Cancelled int `json:"cancelled"`
	// Finished is the sum of Complete, Failed and Cancelled.
	Finished int `json:"finished"`
}

func (n *SpanCounts) add(status string, by int) {
	n.Total += by
	switch status {
	case pending:
		n.Pending += by
	case active:
		n.Active += by
	case complete:
		n.Complete += by
	case failed:
		n.Failed += by
	case cancelled:
		n.Cancelled += by
	}
	n.Finished = n.Complete + n.Failed + n.Cancelled
}

// A RiskScore is how risky a run is, as the API computes it for an agent with a
// risk profile. The fake computes none. An empty RiskLevel or
// PeakClassification is null.
type RiskScore struct {
	TotalScore float64 `json:"total_score"`
	// RiskLevel is low, medium, high or critical.
	RiskLevel         string  `json:"-"`
	CriticalThreshold float64 `json:"critical_threshold"`
	AnyAssessable     bool    `json:"any_assessable"`
	// PeakClassification is unknown, public, internal, confidential, restricted
	// or secret.
	PeakClassification string   `json:"-"`
	AllDataCategories  []string `json:"all_data_categories"`
	AllowedActions     []string `json:"allowed_actions"`
	// PerType also gives the spans of each schema their risk_level and
	// risk_score in lists with include_risk_level.
	PerType []TypeRisk `json:"-"`
}

// TypeRisk is the part that the spans of one schema have in a [RiskScore].
type TypeRisk struct {
	SchemaName        string  `json:"schema_name"`
	Count             int     `json:"count"`
	RiskLevel         string  `json:"-"` // as of a RiskScore
	TypeScore         float64 `json:"type_score"`
	TotalContribution float64 `json:"total_contribution"`
}

// A riskDoc is a risk score on the wire.
type riskDoc struct {
	RiskScore
	RiskLevel          *string       `json:"risk_level"`
	PeakClassification *string       `json:"peak_classification"`
	PerType            []typeRiskDoc `json:"per_type"`
}

type typeRiskDoc struct {
	TypeRisk
	RiskLevel *string `json:"risk_level"`
}

func (s *RiskScore) doc() *riskDoc {
	if s == nil {
		return nil
	}
	doc := &riskDoc{RiskScore: *s, RiskLevel: orNull(s.RiskLevel), PeakClassification: orNull(s.PeakClassification)}
	for _, t := range s.PerType {
		doc.PerType = append(doc.PerType, typeRiskDoc{t, orNull(t.RiskLevel)})
	}
	return doc
}

// ofType returns the part of the spans of a schema, or nil.
func (s *RiskScore) ofType(schemaName string) *TypeRisk {
	if s == nil {
		return nil
	}
	for n := range s.PerType {
		if s.PerType[n].SchemaName == schemaName {
			return &s.PerType[n]
		}
	}
	return nil
}

// SetRiskScore sets the risk score of the instance with the id, and reports
// whether there is one. The fake keeps score and its slices: don't change them.
func (f *Fake) SetRiskScore(id string, score RiskScore) bool {
	f.made()
	defer f.journal.wake()
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.instances[id]
	if r == nil {
		return false
	}
	r.change(f.set.clock(), func(i *Instance) { i.RiskScore = &score })
	return true
}

// An instanceRecord is the current state of an instance. All but now is guarded
// by the fake's lock.
type instanceRecord struct {
	now          atomic.Pointer[Instance]
	agent        *agentRecord
	spans        []*spanRecord
	counts       SpanCounts
	bySchema     map[string]int // counts the spans
	lastActivity time.Time
	raised       map[string]*alertRecord // by name
}

// change replaces the instance by an edited copy.
func (r *instanceRecord) change(at time.Time, edit func(*Instance)) *Instance {
	next := *r.now.Load()
	next.UpdatedAt = at
	edit(&next)
	r.now.Store(&next)
	return &next
}

// view returns the instance with what its spans and alerts add. The fake's lock
// is held.
func (r *instanceRecord) view() Instance {
	v := *r.now.Load()
	v.SpanCounts, v.LastActivitySpanAt, v.RaisedAlertCount = r.counts, r.lastActivity, len(r.raised)
	return v
}

// Instances returns all instances, oldest first.
func (f *Fake) Instances() []Instance {
	f.made()
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]Instance, len(f.allInstances))
	for i, r := range f.allInstances {
		list[i] = r.view()
	}
	return list
}

// Instance returns the instance with the id, and whether there is one.
func (f *Fake) Instance(id string) (Instance, bool) {
	f.made()
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.instances[id]
	if r == nil {
		return Instance{}, false
	}
	return r.view(), true
}

// Terminate ends an active instance as an operator would. From then on the
// responses to writes of its spans carry a control signal. It reports whether
// there was an active instance with the id.
func (f *Fake) Terminate(id, reason string) bool {
	f.made()
	defer f.journal.wake()
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.instances[id]
	if r == nil || r.now.Load().Status != active {
		return false
	}
	f.terminate(r, reason, f.set.clock())
	f.writes++
	return true
}

// terminate ends the run. The fake's lock is held.
func (f *Fake) terminate(r *instanceRecord, reason string, at time.Time) {
	r.change(f.set.clock(), func(i *Instance) {
		i.Status, i.TerminationReason, i.FinishedAt = terminated, reason, at
	})
	if !f.set.closeSpans {
		return
	}
	for _, s := range r.spans {
		switch s.now.Load().Status {
		case active:
			r.changeSpan(s, func(s *Span) { s.end(failed, at) })
		case pending:
			r.changeSpan(s, func(s *Span) { s.end(cancelled, at) })
		}
	}
}

// An instanceRow is an instance on the wire, in a list.
type instanceRow struct {
	Type               string   `json:"type"`
	ID                 string   `json:"id"`
	AccountID          string   `json:"account_id"`
	AgentID            string   `json:"agent_id"`
	AgentVersionID     string   `json:"agent_version_id"`
	EnvironmentID      string   `json:"environment_id"`
	ExternalIdentifier *string  `json:"external_identifier"`
	Status             string   `json:"status"`
	Purpose            string   `json:"purpose"`
	TerminationReason  *string  `json:"termination_reason"`
	RiskScore          *riskDoc `json:"risk_score"`
	RaisedAlertCount   *int     `json:"raised_alert_count"`
	InsertedAt         *string  `json:"inserted_at"`
	UpdatedAt          *string  `json:"updated_at"`
	StartedAt          *string  `json:"started_at"`
	FinishedAt         *string  `json:"finished_at"`
	LastActivitySpanAt *string  `json:"last_activity_span_at"`
}

// An instanceDoc is an instance on the wire, outside lists.
type instanceDoc struct {
	instanceRow
	AgentDeploymentID string                    `json:"agent_deployment_id"`
	SpanCounts        SpanCounts                `json:"span_counts"`
	SpanSchemaCounts  *schemaCountsDoc          `json:"span_schema_counts"`
	CostBreakdown     *struct{}                 `json:"cost_breakdown"` // the fake knows no costs
	QualityPayloads   map[string]jsontext.Value `json:"quality_payloads"`
	QualitySummaries  map[string]string         `json:"quality_summaries"`
	QualityPayload    jsontext.Value            `json:"quality_payload,omitzero"`
}

// A schemaCountsDoc counts an instance's spans by schema.
type schemaCountsDoc struct {
	ByName map[string]int `json:"by_name"`
}

func (i *Instance) row() instanceRow {
	return instanceRow{
		Type:               "agent_instance",
		ID:                 i.ID,
		AccountID:          i.AccountID,
		AgentID:            i.AgentID,
		AgentVersionID:     i.AgentVersionID,
		EnvironmentID:      i.EnvironmentID,
		ExternalIdentifier: orNull(i.ExternalIdentifier),
		Status:             i.Status,
		Purpose:            i.Purpose,
		TerminationReason:  orNull(i.TerminationReason),
		RiskScore:          i.RiskScore.doc(),
		RaisedAlertCount:   &i.RaisedAlertCount,
		InsertedAt:         stamp(i.InsertedAt),
		UpdatedAt:          stamp(i.UpdatedAt),
		StartedAt:          stamp(i.StartedAt),
		FinishedAt:         stamp(i.FinishedAt),
		LastActivitySpanAt: stamp(i.LastActivitySpanAt),
	}
}

// doc returns the instance's wire form. The fake's lock is held.
func (r *instanceRecord) doc() instanceDoc {
	v := r.view()
	return instanceDoc{
		instanceRow:       v.row(),
		AgentDeploymentID: v.AgentDeploymentID,
		SpanCounts:        v.SpanCounts,
		SpanSchemaCounts:  &schemaCountsDoc{maps.Clone(r.bySchema)},
		QualityPayloads:   v.Quality,
		QualitySummaries:  v.qualitySummaries(),
		QualityPayload:    v.QualityPayload,
	}
}

// qualitySummaries renders the recorded payloads whose schema has a template.
func (i *Instance) qualitySummaries() map[string]string {
	summaries := make(map[string]string)
	for name, payload := range i.Quality {
		if s := i.schemas.Quality[name].summary(payload); s != nil {
			summaries[name] = *s
		}
	}
	return summaries
}

func registerInstance(f *Fake, c *call) action {
	id := c.body.id("id", optional)
	agentID := cmp.Or(c.body.text("agent_id", presence(c.set.strict && c.grant.AgentID == "")), c.grant.AgentID)
	environmentID := cmp.Or(c.body.text("environment_id", optional), c.grant.EnvironmentID, EnvironmentID)
	external := c.body.text("external_identifier", optional)
	purpose := cmp.Or(c.body.oneOf("purpose", optional, "live", "smoke_test", "eval"), "live")
	deploys := c.body.flag("update_current_version")
	version := readVersion(&c.body)
	schema := readSchemaVersion(&c.body)

	return func() (any, *failure) {
		agentID := cmp.Or(agentID, f.anyAgent(c.grant.AccountID))
		agent, problem := f.agentFor(c, agentID, environmentID)
		if problem != nil {
			return nil, problem
		}
		if id != "" && f.instances[id] != nil {
			return nil, invalid(invalidValue("has already been taken", "id"))
		}
		if agent.byExternal[external] != nil {
			return nil, invalid(invalidValue("has already been taken", "external_identifier"))
		}
		now := f.set.clock()
		agent.used(version, now)
		a := agent.now.Load()
		var schemas *entry
		if schema.given {
			schemas = f.schemaVersion(a, schema)
		}
		agentVersion, deployment := f.agentVersion(a, version, schemas), f.deployment(a.accountID, agentID, environmentID)
		if deploys {
			f.deploy(deployment, agentVersion)
		}
		r := f.addInstance(agent, &Instance{
			ID:                 cmp.Or(id, f.ids.next(agentID)),
			AccountID:          c.grant.AccountID,
			AgentID:            agentID,
			AgentVersionID:     agentVersion.id,
			AgentDeploymentID:  deployment.id,
			EnvironmentID:      environmentID,
			ExternalIdentifier: external,
			Purpose:            purpose,
			Status:             pending,
			InsertedAt:         now,
			UpdatedAt:          now,
			schemas:            schema.schemasDoc,
		})
		doc := registeredDoc{detailsDoc: success(r.doc()), AgentVersion: agentVersion.doc()}
		if schemas != nil {
			doc.AgentSchemaVersion = schemas.doc()
		}
		return doc, nil
	}
}

// A registeredDoc is the response to a registration.
type registeredDoc struct {
	detailsDoc
	AgentVersion       any `json:"agent_version"`
	AgentSchemaVersion any `json:"agent_schema_version,omitzero"`
}

// addInstance stores a new instance. The fake's lock is held.
func (f *Fake) addInstance(agent *agentRecord, i *Instance) *instanceRecord {
	r := &instanceRecord{agent: agent, bySchema: make(map[string]int), raised: make(map[string]*alertRecord)}
	r.now.Store(i)
	account := f.account(i.AccountID)
	account.instances = append(account.instances, r)
	agent.instances = append(agent.instances, r)
	if i.ExternalIdentifier != "" {
		agent.byExternal[i.ExternalIdentifier] = r
	}
	f.allInstances = append(f.allInstances, r)
	f.instances[i.ID] = r
	return r
}

// instanceFor finds the instance with the id, if the call may see it. The
// fake's lock is held.
func (f *Fake) instanceFor(c *call, id string) (*instanceRecord, *failure) {
	r := f.instances[id]
	if r == nil || !r.seenBy(c) {
		return nil, notFound("No agent instance has the id " + id)
	}
	return r, nil
}

// seenBy reports whether the call may see the instance.
func (r *instanceRecord) seenBy(c *call) bool {
	i := r.now.Load()
	return c.grant.sees(i.AccountID, i.AgentID, i.EnvironmentID)
}

// changeInstance returns an action that changes the call's instance.
func changeInstance(f *Fake, c *call, move func(r *instanceRecord, now time.Time) *failure) action {
	return func() (any, *failure) {
		r, problem := f.instanceFor(c, c.id)
		if problem == nil {
			problem = move(r, f.set.clock())
		}
		if problem != nil {
			return nil, problem
		}
		return success(r.doc()), nil
	}
}

func startInstance(f *Fake, c *call) action {
	at := c.body.time("timestamp")
	return changeInstance(f, c, func(r *instanceRecord, now time.Time) *failure {
		if status := r.now.Load().Status; status != pending {
			return invalidAction("An agent instance must be pending to start; this one is " + status)
		}
		r.change(now, func(i *Instance) { i.Status, i.StartedAt = active, orNow(at, now) })
		return nil
	})
}

func finishInstance(f *Fake, c *call) action {
	status := cmp.Or(c.body.oneOf("status", optional, complete, failed, cancelled), complete)
	at := c.body.time("timestamp")
	return changeInstance(f, c, func(r *instanceRecord, now time.Time) *failure {
		if problem := f.mayFinish(r.now.Load().Status, status); problem != nil {
			return problem
		}
		r.change(now, func(i *Instance) { i.Status, i.FinishedAt = status, orNow(at, now) })
		return nil
	})
}

// mayFinish returns nil if an instance may change from one status to another.
func (f *Fake) mayFinish(from, to string) *failure {
	switch {
	case from == active && to == cancelled && !f.set.cancelActive:
		return invalidAction("An active agent instance can't be cancelled")
	case from == active, from == pending && to == cancelled:
		return nil
	case from == pending:
		return invalidAction("An agent instance must be active to finish; this one is pending")
	}
	return invalidAction("The agent instance is already finished; it is " + from)
}

func terminateInstance(f *Fake, c *call) action {
	reason := c.body.text("reason", needed)
	at := c.body.time("timestamp")
	return changeInstance(f, c, func(r *instanceRecord, now time.Time) *failure {
		if status := r.now.Load().Status; status != active {
			return invalidAction("An agent instance must be active to be terminated; this one is " + status)
		}
		f.terminate(r, reason, orNow(at, now))
		return nil
	})
}

func recordQuality(f *Fake, c *call) action {
	name := c.body.text("name", needed)
	payload := c.body.raw("payload", optional)
	if c.set.strict && !c.body.has("payload") {
		c.refuse(required("payload"))
	}
	return changeInstance(f, c, func(r *instanceRecord, now time.Time) *failure {
		r.change(now, func(i *Instance) {
			payloads := maps.Clone(i.Quality)
			if payloads == nil {
				payloads = make(map[string]jsontext.Value)
			}
			payloads[name] = payload
			if payload == nil {
				delete(payloads, name)
			}
			i.Quality = payloads
		})
		f.addQualitySpan(r, payload)
		return nil
	})
}

func updateInstance(f *Fake, c *call) action {
	details := c.body.object("details", needed)
	payload, given := details.outdated("quality_payload")
	details.done()
	return changeInstance(f, c, func(r *instanceRecord, now time.Time) *failure {
		r.change(now, func(i *Instance) {
			if given {
				i.QualityPayload = payload
			}
		})
		f.addQualitySpan(r, payload)
		return nil
	})
}

// addQualitySpan adds the span that the API itself writes when a quality payload
// is recorded. The removal of a payload, which is nil, adds none. The fake's lock
// is held.
func (f *Fake) addQualitySpan(r *instanceRecord, payload jsontext.Value) {
	if payload != nil {
		f.addSpan(r, &Span{SchemaName: "prefactor:quality", Purpose: quality, Status: complete, Payload: payload})
	}
}

func getInstance(f *Fake, c *call) action {
	return func() (any, *failure) {
		f.mu.Lock()
		defer f.mu.Unlock()
		r, problem := f.instanceFor(c, c.id)
		if problem != nil {
			return nil, problem
		}
		return success(r.doc()), nil
	}
}

// showInstance returns an instance by either of its ids. What the flags don't
// ask for is null.
func showInstance(f *Fake, c *call) action {
	id, external := c.query.either("agent_instance_id", "external_identifier")
	counts, risk := c.query.flag("include_counts"), c.query.flag("include_risk_score")
	alerts := c.query.flag("include_alert_count")
	c.query.flag("include_costs")
	return func() (any, *failure) {
		f.mu.Lock()
		defer f.mu.Unlock()
		r, problem := f.namedInstance(c, id, external)
		if problem != nil {
			return nil, problem
		}
		doc := r.doc()
		if !counts {
			doc.SpanSchemaCounts = nil
		}
		if !risk {
			doc.RiskScore = nil
		}
		if !alerts {
			doc.RaisedAlertCount = nil
		}
		return success(doc), nil
	}
}

// namedInstance finds the instance with the id or, if that is empty, with the
// external identifier. Of several agents' instances it takes that of the oldest
// agent. The fake's lock is held.
func (f *Fake) namedInstance(c *call, id, external string) (*instanceRecord, *failure) {
	if id != "" {
		return f.instanceFor(c, id)
	}
	for _, agent := range f.account(c.grant.AccountID).agents {
		if r := agent.byExternal[external]; r != nil && r.seenBy(c) {
			return r, nil
		}
	}
	return nil, notFound("No agent instance has the external identifier " + external)
}

// A contextDoc is a run as one document, for debugging.
type contextDoc struct {
	statusDoc
	AgentContext struct {
		Body        contextBody `json:"body"`
		GeneratedAt *string     `json:"generated_at"`
		SpanCount   int         `json:"span_count"`
	} `json:"agent_context"`
}

type contextBody struct {
	AgentInstance instanceDoc `json:"agent_instance"`
	AgentSpans    []*spanDoc  `json:"agent_spans"`
}

func getAgentContext(f *Fake, c *call) action {
	return func() (any, *failure) {
		f.mu.Lock()
		defer f.mu.Unlock()
		r, problem := f.instanceFor(c, c.id)
		if problem != nil {
			return nil, problem
		}
		doc := contextDoc{statusDoc: statusDoc{"success"}}
		doc.AgentContext.Body.AgentInstance = r.doc()
		for _, s := range r.spans {
			doc.AgentContext.Body.AgentSpans = append(doc.AgentContext.Body.AgentSpans, s.now.Load().doc())
		}
		doc.AgentContext.GeneratedAt = stamp(f.set.clock())
		doc.AgentContext.SpanCount = len(r.spans)
		return doc, nil
	}
}

// instanceOrder holds the orders of a list of instances.
var instanceOrder = map[string]func(a, b *Instance) int{
	"id":                  func(a, b *Instance) int { return cmp.Compare(a.ID, b.ID) },
	"status":              func(a, b *Instance) int { return cmp.Compare(a.Status, b.Status) },
	"external_identifier": func(a, b *Instance) int { return cmp.Compare(a.ExternalIdentifier, b.ExternalIdentifier) },
	"timestamp":           func(a, b *Instance) int { return a.InsertedAt.Compare(b.InsertedAt) },
	"started_at":          func(a, b *Instance) int { return a.StartedAt.Compare(b.StartedAt) },
	"finished_at":         func(a, b *Instance) int { return a.FinishedAt.Compare(b.FinishedAt) },
}

func listInstances(f *Fake, c *call) action {
	agentID := c.query.text("agent_id")
	versionID := c.query.text("agent_version_id")
	l := newListing(c, instanceOrder)
	keep := func(i *Instance) bool {
		return c.grant.sees(i.AccountID, i.AgentID, i.EnvironmentID) &&
			(versionID == "" || i.AgentVersionID == versionID)
	}
	if versionID == "" && c.grant.AgentID == "" {
		keep = nil // the index holds exactly the rows of the list
	}
	return func() (any, *failure) {
		f.mu.Lock()
		records, writes := f.instanceIndex(c, agentID), f.writes
		f.mu.Unlock()
		return l.answer(f, rows[Instance]{
			writes: writes,
			length: len(records),
			at:     func(n int) *Instance { return records[n].now.Load() },
			keep:   keep,
			doc: func(i *Instance) any {
				f.mu.Lock()
				defer f.mu.Unlock()
				v := f.instances[i.ID].view()
				return v.row()
			},
		}), nil
	}
}

// instanceIndex returns the shortest index that has every instance of the
// list. The fake's lock is held.
func (f *Fake) instanceIndex(c *call, agentID string) []*instanceRecord {
	if agentID == "" {
		return f.account(c.grant.AccountID).instances
	}
	if r, problem := f.visibleAgent(c, agentID); problem == nil {
		return r.instances
	}
	return nil
}
