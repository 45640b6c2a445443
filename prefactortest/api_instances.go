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
	// SpanCounts counts the spans at the time of the call that returned the
	// Instance.
	SpanCounts SpanCounts

	schemas map[string]spanTypeDoc // the declared span schemas
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

// An instanceRecord is the current state of an instance.
type instanceRecord struct {
	now    atomic.Pointer[Instance]
	counts SpanCounts    // guarded by the fake's lock
	spans  []*spanRecord // guarded by the fake's lock
}

// change replaces the instance by an edited copy.
func (r *instanceRecord) change(at time.Time, edit func(*Instance)) *Instance {
	next := *r.now.Load()
	next.UpdatedAt = at
	edit(&next)
	r.now.Store(&next)
	return &next
}

// view returns the instance with its counts. The fake's lock is held.
func (r *instanceRecord) view() Instance {
	v := *r.now.Load()
	v.SpanCounts = r.counts
	return v
}

// Instances returns all instances, oldest first.
func (f *Fake) Instances() []Instance {
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
	Type               string  `json:"type"`
	ID                 string  `json:"id"`
	AccountID          string  `json:"account_id"`
	AgentID            string  `json:"agent_id"`
	AgentVersionID     string  `json:"agent_version_id"`
	EnvironmentID      string  `json:"environment_id"`
	ExternalIdentifier *string `json:"external_identifier"`
	Status             string  `json:"status"`
	Purpose            string  `json:"purpose"`
	TerminationReason  *string `json:"termination_reason"`
	RiskScore          *int    `json:"risk_score"`
	InsertedAt         *string `json:"inserted_at"`
	UpdatedAt          *string `json:"updated_at"`
	StartedAt          *string `json:"started_at"`
	FinishedAt         *string `json:"finished_at"`
}

// An instanceDoc is an instance on the wire, outside lists.
type instanceDoc struct {
	instanceRow
	AgentDeploymentID string                    `json:"agent_deployment_id"`
	SpanCounts        SpanCounts                `json:"span_counts"`
	QualityPayloads   map[string]jsontext.Value `json:"quality_payloads"`
	QualityPayload    jsontext.Value            `json:"quality_payload,omitzero"`
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
		InsertedAt:         stamp(i.InsertedAt),
		UpdatedAt:          stamp(i.UpdatedAt),
		StartedAt:          stamp(i.StartedAt),
		FinishedAt:         stamp(i.FinishedAt),
	}
}

// details returns the instance in its envelope. The fake's lock is held.
func (r *instanceRecord) details() detailsDoc {
	v := r.view()
	return success(instanceDoc{
		instanceRow:       v.row(),
		AgentDeploymentID: v.AgentDeploymentID,
		SpanCounts:        v.SpanCounts,
		QualityPayloads:   v.Quality,
		QualityPayload:    v.QualityPayload,
	})
}

func registerInstance(f *Fake, c *call) action {
	id := c.body.id("id", optional)
	agentID := cmp.Or(c.body.text("agent_id", presence(c.set.strict && c.grant.AgentID == "")), c.grant.AgentID)
	environmentID := cmp.Or(c.body.text("environment_id", optional), c.grant.EnvironmentID, EnvironmentID)
	external := c.body.text("external_identifier", optional)
	purpose := cmp.Or(c.body.oneOf("purpose", optional, "live", "smoke_test", "eval"), "live")
	deploys := c.body.flag("update_current_version")
	version := readVersion(c.body)
	schema := readSchemaVersion(c.body)

	return func() (any, *failure) {
		agentID := cmp.Or(agentID, f.anyAgent(c.grant.AccountID))
		agent, problem := f.agentFor(c, agentID, environmentID)
		if problem != nil {
			return nil, problem
		}
		if id != "" && f.instances[id] != nil {
			return nil, invalid(invalidValue("has already been taken", "id"))
		}
		if external != "" && agent.hasInstance(external) {
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
			schemas:            schema.SpanTypes,
		})
		doc := registeredDoc{detailsDoc: r.details(), AgentVersion: agentVersion.doc()}
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
	r := new(instanceRecord)
	r.now.Store(i)
	account := f.account(i.AccountID)
	account.instances = append(account.instances, r)
	agent.instances = append(agent.instances, r)
	agent.byExternal[i.ExternalIdentifier] = true
	f.allInstances = append(f.allInstances, r)
	f.instances[i.ID] = r
	return r
}

// instanceFor finds the instance with the id, if the call may see it. The
// fake's lock is held.
func (f *Fake) instanceFor(c *call, id string) (*instanceRecord, *failure) {
	r := f.instances[id]
	if r == nil {
		return nil, notFound("No agent instance has the id " + id)
	}
	if i := r.now.Load(); !c.grant.sees(i.AccountID, i.AgentID, i.EnvironmentID) {
		return nil, notFound("No agent instance has the id " + id)
	}
	return r, nil
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
		return r.details(), nil
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
			quality := maps.Clone(i.Quality)
			if quality == nil {
				quality = make(map[string]jsontext.Value)
			}
			quality[name] = payload
			if payload == nil {
				delete(quality, name)
			}
			i.Quality = quality
		})
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
		return nil
	})
}

func getInstance(f *Fake, c *call) action {
	return func() (any, *failure) {
		f.mu.Lock()
		defer f.mu.Unlock()
		r, problem := f.instanceFor(c, c.id)
		if problem != nil {
			return nil, problem
		}
		return r.details(), nil
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
			doc:    func(i *Instance) any { return i.row() },
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
