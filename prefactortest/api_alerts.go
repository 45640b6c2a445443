package prefactortest

import (
	"cmp"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// The statuses of alerts.
const (
	raised  = "raised"
	cleared = "cleared"
)

// severities are those of alerts.
var severities = []string{"critical", "error", "warning", "info"}

// An Alert is an alert of an instance as the fake holds it. A null time is the
// zero time, a null text is empty.
type Alert struct {
	ID              string
	AccountID       string
	AgentID         string
	AgentInstanceID string
	EnvironmentID   string
	// Name identifies the alert in its instance while it is raised.
	Name string
	// Severity is critical, error, warning or info.
	Severity string
	// Status is raised or cleared.
	Status string
	// Version counts, from 1, how often the alert was raised without being
	// cleared in between.
	Version int
	// Payload is the JSON object of the last raise, or of the clear if that had
	// one.
	Payload                  jsontext.Value
	PayloadSensitiveEncoding bool
	RaisedAt                 time.Time
	ClearedAt                time.Time
	InsertedAt               time.Time
	UpdatedAt                time.Time

	schema schemaDoc
}

// An alertRecord is the current state of an alert. It is guarded by the fake's
// lock. The alert is immutable: a change replaces it.
type alertRecord struct{ now *Alert }

// change replaces the alert by an edited copy.
func (r *alertRecord) change(at time.Time, edit func(*Alert)) {
	next := *r.now
	next.UpdatedAt = at
	edit(&next)
	r.now = &next
}

// Alerts returns all alerts, oldest first.
func (f *Fake) Alerts() []Alert {
	f.made()
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]Alert, len(f.allAlerts))
	for n, r := range f.allAlerts {
		list[n] = *r.now
	}
	return list
}

// Alert returns the alert with the id, and whether there is one.
func (f *Fake) Alert(id string) (Alert, bool) {
	f.made()
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.alerts[id]
	if r == nil {
		return Alert{}, false
	}
	return *r.now, true
}

// An alertRow is an alert on the wire, in a list.
type alertRow struct {
	Type            string  `json:"type"`
	ID              string  `json:"id"`
	AccountID       string  `json:"account_id"`
	AgentID         string  `json:"agent_id"`
	AgentInstanceID string  `json:"agent_instance_id"`
	EnvironmentID   string  `json:"environment_id"`
	Name            string  `json:"name"`
	Title           string  `json:"title"`
	Summary         *string `json:"summary"`
	Severity        string  `json:"severity"`
	Status          string  `json:"status"`
	Version         int     `json:"version"`
	RaisedAt        *string `json:"raised_at"`
	ClearedAt       *string `json:"cleared_at"`
	InsertedAt      *string `json:"inserted_at"`
	UpdatedAt       *string `json:"updated_at"`
}

// An alertDoc is an alert on the wire, outside lists.
type alertDoc struct {
	alertRow
	Payload                  jsontext.Value `json:"payload"`
	PayloadSensitiveEncoding bool           `json:"payload_sensitive_encoding"`
}

func (a *Alert) row() alertRow {
	return alertRow{
		Type:            "alert",
		ID:              a.ID,
		AccountID:       a.AccountID,
		AgentID:         a.AgentID,
		AgentInstanceID: a.AgentInstanceID,
		EnvironmentID:   a.EnvironmentID,
		Name:            a.Name,
		Title:           a.title(),
		Summary:         a.schema.summary(a.Payload),
		Severity:        a.Severity,
		Status:          a.Status,
		Version:         a.Version,
		RaisedAt:        stamp(a.RaisedAt),
		ClearedAt:       stamp(a.ClearedAt),
		InsertedAt:      stamp(a.InsertedAt),
		UpdatedAt:       stamp(a.UpdatedAt),
	}
}

func (a *Alert) title() string { return cmp.Or(a.schema.Title, a.Name) }

func (a *Alert) doc() alertDoc { return alertDoc{a.row(), a.Payload, a.PayloadSensitiveEncoding} }

// An alertChange is what raises or clears an alert.
type alertChange struct {
	instanceID, name, severity string
	payload                    jsontext.Value
	sensitive                  bool
	at                         time.Time
}

// readAlert reads an alert to raise or clear. The field when has its time; need is
// that of its severity and payload.
func readAlert(p *params, when string, need presence) alertChange {
	return alertChange{
		instanceID: p.text("agent_instance_id", needed),
		name:       p.text("name", needed),
		severity:   p.oneOf("severity", need, severities...),
		payload:    p.raw("payload", need),
		sensitive:  p.flag("payload_sensitive_encoding"),
		at:         p.time(when),
	}
}

// raiseAlert raises an alert, or updates the one of that name that is raised.
// Either leaves a span.
func raiseAlert(f *Fake, c *call) action {
	change := readAlert(&c.body, "raised_at", needed)
	return func() (any, *failure) {
		i, problem := f.instanceFor(c, change.instanceID)
		if problem != nil {
			return nil, problem
		}
		now := f.set.clock()
		r := i.raised[change.name]
		if r == nil {
			r = f.addAlert(i, change.name, now)
		}
		r.change(now, func(a *Alert) {
			a.Version++
			a.RaisedAt, a.Severity = orNow(change.at, now), change.severity
			a.Payload, a.PayloadSensitiveEncoding = change.payload, change.sensitive
		})
		a := r.now
		f.addSpan(i, &Span{
			SchemaName:        "prefactor:alert",
			Purpose:           alert,
			Status:            complete,
			Payload:           a.Payload,
			SensitiveEncoding: a.PayloadSensitiveEncoding,
			StartedAt:         a.RaisedAt,
			FinishedAt:        a.RaisedAt,
		})
		return success(a.doc()), nil
	}
}

// addAlert stores a new alert of the instance. The fake's lock is held.
func (f *Fake) addAlert(i *instanceRecord, name string, now time.Time) *alertRecord {
	run := i.now.Load()
	r := &alertRecord{&Alert{
		ID:              f.ids.next(run.ID),
		AccountID:       run.AccountID,
		AgentID:         run.AgentID,
		AgentInstanceID: run.ID,
		EnvironmentID:   run.EnvironmentID,
		Name:            name,
		Status:          raised,
		InsertedAt:      now,
		schema:          run.schemas.Alerts[name].schemaDoc,
	}}
	i.raised[name] = r
	account := f.account(run.AccountID)
	account.alerts = append(account.alerts, r)
	f.allAlerts = append(f.allAlerts, r)
	f.alerts[r.now.ID] = r
	return r
}

func clearAlert(f *Fake, c *call) action {
	change := readAlert(&c.body, "cleared_at", optional)
	sensitiveGiven := c.body.value("payload_sensitive_encoding", optional) != nil
	return func() (any, *failure) {
		i, problem := f.instanceFor(c, change.instanceID)
		if problem != nil {
			return nil, problem
		}
		r := i.raised[change.name]
		if r == nil {
			return nil, invalidAction("An alert must be raised to be cleared; the agent instance has no raised alert " + change.name)
		}
		delete(i.raised, change.name)
		now := f.set.clock()
		r.change(now, func(a *Alert) {
			a.Status, a.ClearedAt = cleared, orNow(change.at, now)
			a.Severity = cmp.Or(change.severity, a.Severity)
			if change.payload != nil {
				a.Payload = change.payload
			}
			if sensitiveGiven {
				a.PayloadSensitiveEncoding = change.sensitive
			}
		})
		return success(r.now.doc()), nil
	}
}

func getAlert(f *Fake, c *call) action {
	return func() (any, *failure) {
		f.mu.Lock()
		defer f.mu.Unlock()
		r := f.alerts[c.id]
		if r == nil || !r.now.seenBy(c) {
			return nil, notFound("No alert has the id " + c.id)
		}
		return success(r.now.doc()), nil
	}
}

// seenBy reports whether the call may see the alert.
func (a *Alert) seenBy(c *call) bool { return c.grant.sees(a.AccountID, a.AgentID, a.EnvironmentID) }

// alertOrder holds the orders of a list of alerts.
var alertOrder = map[string]func(a, b *Alert) int{
	"id":        func(a, b *Alert) int { return cmp.Compare(a.ID, b.ID) },
	"name":      func(a, b *Alert) int { return cmp.Compare(a.Name, b.Name) },
	"title":     func(a, b *Alert) int { return cmp.Compare(a.title(), b.title()) },
	"status":    func(a, b *Alert) int { return cmp.Compare(a.Status, b.Status) },
	"timestamp": func(a, b *Alert) int { return a.RaisedAt.Compare(b.RaisedAt) },
}

// An alertFilter selects alerts; an empty field selects all.
type alertFilter struct {
	instanceID, agentID, environmentID, name string
	status, severity                         string
	start, finish                            time.Time // of a period in which it was raised
}

func (w alertFilter) keeps(a *Alert) bool {
	return (w.instanceID == "" || w.instanceID == a.AgentInstanceID) &&
		(w.agentID == "" || w.agentID == a.AgentID) &&
		(w.environmentID == "" || w.environmentID == a.EnvironmentID) &&
		(w.name == "" || w.name == a.Name) &&
		(w.status == "" || w.status == a.Status) &&
		(w.severity == "" || w.severity == a.Severity) &&
		(w.finish.IsZero() || !a.RaisedAt.After(w.finish)) &&
		(w.start.IsZero() || a.Status == raised || !a.ClearedAt.Before(w.start))
}

// readState reads the parameters that a list and a count share.
func (w *alertFilter) readState(q *query) {
	w.status, w.severity = q.oneOf("status", raised, cleared), q.oneOf("severity", severities...)
}

func listAlerts(f *Fake, c *call) action {
	filter := alertFilter{
		instanceID:    c.query.text("agent_instance_id"),
		agentID:       c.query.text("agent_id"),
		environmentID: c.query.text("environment_id"),
		name:          c.query.text("name"),
		start:         c.query.time("active_during[start_at]"),
		finish:        c.query.time("active_during[finish_at]"),
	}
	filter.readState(&c.query)
	l := newListing(c, alertOrder)
	return func() (any, *failure) {
		f.mu.Lock()
		defer f.mu.Unlock()
		records := f.account(c.grant.AccountID).alerts
		return l.answer(f, rows[Alert]{
			writes: f.writes,
			length: len(records),
			at:     func(n int) *Alert { return records[n].now },
			keep:   func(a *Alert) bool { return a.seenBy(c) && filter.keeps(a) },
			doc:    func(a *Alert) any { return a.row() },
		}), nil
	}
}

// A countDoc is the response to a count.
type countDoc struct {
	statusDoc
	Count int `json:"count"`
}

func countAlerts(f *Fake, c *call) action {
	var filter alertFilter
	filter.readState(&c.query)
	return func() (any, *failure) {
		f.mu.Lock()
		defer f.mu.Unlock()
		doc := countDoc{statusDoc: statusDoc{"success"}}
		for _, r := range f.account(c.grant.AccountID).alerts {
			if r.now.seenBy(c) && filter.keeps(r.now) {
				doc.Count++
			}
		}
		return doc, nil
	}
}
