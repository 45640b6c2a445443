package prefactortest

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A Span is a step of a run as the fake holds it. A null time is the zero
// time, a null text is empty.
type Span struct {
	ID              string
	AccountID       string
	AgentID         string
	AgentInstanceID string
	ParentSpanID    string
	SchemaName      string
	// Purpose says what the span records: activity, quality or alert. The fake
	// adds the spans of quality and alerts itself.
	Purpose string
	// Status is pending, active, complete, failed or cancelled.
	Status string
	// Payload is the JSON object that the span was created with.
	Payload jsontext.Value
	// ResultPayload is the JSON object that the span was finished with; nil is
	// null.
	ResultPayload     jsontext.Value
	StartedAt         time.Time
	FinishedAt        time.Time
	SensitiveEncoding bool

	environmentID string
	schema        schemaDoc
}

// The purposes of spans.
const (
	activity = "activity"
	quality  = "quality"
	alert    = "alert"
)

// A spanRecord is the current state of a span.
type spanRecord struct{ now atomic.Pointer[Span] }

// Spans returns all spans, oldest first.
func (f *Fake) Spans() []Span {
	f.made()
	f.mu.Lock()
	records := f.allSpans
	f.mu.Unlock()
	list := make([]Span, len(records))
	for i, r := range records {
		list[i] = *r.now.Load()
	}
	return list
}

// Span returns the span with the id, and whether there is one.
func (f *Fake) Span(id string) (Span, bool) {
	f.made()
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.spans[id]
	if r == nil {
		return Span{}, false
	}
	return *r.now.Load(), true
}

// A spanDoc is a span on the wire, outside lists.
type spanDoc struct {
	Type                    string         `json:"type"`
	ID                      string         `json:"id"`
	AccountID               string         `json:"account_id"`
	AgentID                 string         `json:"agent_id"`
	AgentInstanceID         string         `json:"agent_instance_id"`
	ParentSpanID            *string        `json:"parent_span_id"`
	SchemaName              string         `json:"schema_name"`
	SchemaTitle             string         `json:"schema_title"`
	Status                  string         `json:"status"`
	Payload                 jsontext.Value `json:"payload"`
	ResultPayload           jsontext.Value `json:"result_payload"`
	Summary                 *string        `json:"summary"`
	DataRisk                jsontext.Value `json:"data_risk"`
	StartedAt               *string        `json:"started_at"`
	FinishedAt              *string        `json:"finished_at"`
	Purpose                 string         `json:"purpose"`
	SensitiveEncoding       bool           `json:"sensitive_encoding"`
	PayloadByteSizeEstimate int            `json:"payload_byte_size_estimate"`
}

// A spanRow is a span on the wire, in a list.
type spanRow struct {
	spanDoc
	RiskLevel *string  `json:"risk_level"`
	RiskScore *float64 `json:"risk_score"`
}

func (s *Span) doc() *spanDoc {
	return &spanDoc{
		Type:                    "agent_span",
		ID:                      s.ID,
		AccountID:               s.AccountID,
		AgentID:                 s.AgentID,
		AgentInstanceID:         s.AgentInstanceID,
		ParentSpanID:            orNull(s.ParentSpanID),
		SchemaName:              s.SchemaName,
		SchemaTitle:             cmp.Or(s.schema.Title, s.SchemaName),
		Status:                  s.Status,
		Payload:                 s.Payload,
		ResultPayload:           s.ResultPayload,
		StartedAt:               stamp(s.StartedAt),
		FinishedAt:              stamp(s.FinishedAt),
		Summary:                 s.schema.summary(s.Payload),
		DataRisk:                s.schema.DataRisk,
		Purpose:                 s.Purpose,
		SensitiveEncoding:       s.SensitiveEncoding,
		PayloadByteSizeEstimate: len(s.Payload),
	}
}

// written returns the response to a write of the span. It has the control
// signal if the instance is terminated.
func (s *Span) written(i *Instance) detailsDoc {
	doc := success(s.doc())
	if i.Status == terminated {
		doc.Control = &controlDoc{Terminate: true, Reason: orNull(i.TerminationReason)}
	}
	return doc
}

func createSpan(f *Fake, c *call) action {
	details := c.details()
	s, at := readSpan(c, details)
	details.done()

	return func() (any, *failure) {
		r, problem := f.instanceFor(c, s.AgentInstanceID)
		if problem == nil {
			problem = f.checkSpan(r.now.Load(), &s, at)
		}
		if problem != nil {
			return nil, problem
		}
		f.addSpan(r, &s)
		return s.written(r.now.Load()), nil
	}
}

// readSpan reads a span to create. at returns the path of its fields in the
// body.
func readSpan(c *call, p *params) (s Span, at func(name string) []string) {
	s = Span{
		Purpose:           activity,
		AgentInstanceID:   p.text("agent_instance_id", needed),
		SchemaName:        p.text("schema_name", needed),
		Status:            p.oneOf("status", needed, pending, active, complete, failed, cancelled),
		Payload:           p.raw("payload", needed),
		ResultPayload:     p.raw("result_payload", optional),
		ID:                p.id("id", optional),
		ParentSpanID:      p.text("parent_span_id", optional),
		StartedAt:         p.time("started_at"),
		FinishedAt:        p.time("finished_at"),
		SensitiveEncoding: p.flag("sensitive_encoding"),
	}
	if s.open() && s.ResultPayload != nil {
		p.refuse("result_payload", "is only valid for a finished span")
	}
	if s.open() && !s.FinishedAt.IsZero() && c.set.strict {
		p.refuse("finished_at", "is only valid for a finished span")
	}
	return s, p.at
}

// open reports whether the span can still be finished.
func (s *Span) open() bool { return s.Status == pending || s.Status == active }

// begin sets the times of a new span according to its status.
func (s *Span) begin(now time.Time) {
	if s.Status == pending {
		s.StartedAt = time.Time{}
	} else {
		s.StartedAt = orNow(s.StartedAt, now)
	}
	if s.open() {
		s.FinishedAt = time.Time{}
	} else {
		s.FinishedAt = orNow(s.FinishedAt, now)
	}
}

// checkSpan refuses a new span that conflicts with what the fake holds. The
// fake's lock is held.
func (f *Fake) checkSpan(i *Instance, s *Span, at func(string) []string) *failure {
	var wrong []fieldError
	if s.ID != "" && f.spans[s.ID] != nil {
		wrong = append(wrong, invalidValue("has already been taken", at("id")...))
	}
	if s.ParentSpanID != "" && !f.isParent(i, s.ParentSpanID) {
		wrong = append(wrong, invalidValue("does not exist", at("parent_span_id")...))
	}
	if _, declared := i.schemas.SpanTypes[s.SchemaName]; f.set.requireSchemas && !declared {
		wrong = append(wrong, invalidValue("has no schema", at("schema_name")...))
	}
	if wrong == nil {
		return nil
	}
	return invalid(wrong...)
}

func (f *Fake) isParent(i *Instance, id string) bool {
	r := f.spans[id]
	if r == nil {
		return false
	}
	parent := r.now.Load()
	if f.set.strict {
		return parent.AgentInstanceID == i.ID
	}
	return parent.AccountID == i.AccountID
}

// addSpan stores a new span of the instance, with what follows from that. The
// fake's lock is held.
func (f *Fake) addSpan(i *instanceRecord, s *Span) {
	run := i.now.Load()
	if s.ID == "" {
		s.ID = f.ids.next(run.ID)
	}
	s.AccountID, s.AgentID, s.AgentInstanceID, s.environmentID = run.AccountID, run.AgentID, run.ID, run.EnvironmentID
	s.schema = run.schemas.SpanTypes[s.SchemaName].schemaDoc
	s.begin(f.set.clock())

	r := new(spanRecord)
	r.now.Store(s)
	i.spans = append(i.spans, r)
	i.counts.add(s.Status, 1)
	i.bySchema[s.SchemaName]++
	i.noteActivity(s)
	account := f.account(s.AccountID)
	i.agent.spans = append(i.agent.spans, r)
	account.spans = append(account.spans, r)
	f.allSpans = append(f.allSpans, r)
	f.spans[s.ID] = r
}

// noteActivity updates the time of the last activity by a span that was written.
// The fake's lock is held.
func (r *instanceRecord) noteActivity(s *Span) {
	if s.Purpose != activity {
		return
	}
	for _, last := range []*time.Time{&r.lastActivity, &r.agent.lastActivity} {
		for _, at := range []time.Time{s.StartedAt, s.FinishedAt} {
			if at.After(*last) {
				*last = at
			}
		}
	}
}

// spanFor finds the call's span. The fake's lock is held.
func (f *Fake) spanFor(c *call) (*spanRecord, *failure) {
	r := f.spans[c.id]
	if r == nil {
		return nil, notFound("No agent span has the id " + c.id)
	}
	if s := r.now.Load(); !c.grant.sees(s.AccountID, s.AgentID, s.environmentID) {
		return nil, notFound("No agent span has the id " + c.id)
	}
	return r, nil
}

func finishSpan(f *Fake, c *call) action {
	status := cmp.Or(c.body.oneOf("status", optional, complete, failed, cancelled), complete)
	result := c.body.raw("result_payload", optional)
	at := c.body.time("timestamp")
	sensitive := c.body.flag("sensitive_encoding")
	return func() (any, *failure) {
		r, problem := f.spanFor(c)
		if problem == nil {
			problem = mayFinishSpan(r.now.Load().Status, status)
		}
		if problem != nil {
			return nil, problem
		}
		i := f.instances[r.now.Load().AgentInstanceID]
		s := i.changeSpan(r, func(s *Span) {
			s.end(status, orNow(at, f.set.clock()))
			s.ResultPayload = result
			s.SensitiveEncoding = s.SensitiveEncoding || sensitive
		})
		return s.written(i.now.Load()), nil
	}
}

// changeSpan replaces one of the instance's spans by an edited copy. The
// fake's lock is held.
func (r *instanceRecord) changeSpan(span *spanRecord, edit func(*Span)) *Span {
	next := *span.now.Load()
	r.counts.add(next.Status, -1)
	edit(&next)
	r.counts.add(next.Status, 1)
	r.noteActivity(&next)
	span.now.Store(&next)
	return &next
}

// end finishes the span. If it hadn't started, it also starts at that time.
func (s *Span) end(status string, at time.Time) {
	s.Status, s.StartedAt, s.FinishedAt = status, orNow(s.StartedAt, at), at
}

// mayFinishSpan returns nil if a span may change from one status to another.
func mayFinishSpan(from, to string) *failure {
	switch {
	case from == active && to == cancelled:
		return invalidAction("An agent span must be pending to be cancelled; this one is active")
	case from == active, from == pending && to == cancelled:
		return nil
	case from == pending:
		return invalidAction("An agent span must be active to finish; this one is pending")
	}
	return invalidAction("The agent span is already finished; it is " + from)
}

func getSpan(f *Fake, c *call) action {
	redacted := c.query.flag("redacted")
	return func() (any, *failure) {
		f.mu.Lock()
		r, problem := f.spanFor(c)
		f.mu.Unlock()
		if problem != nil {
			return nil, problem
		}
		s := *r.now.Load()
		if redacted {
			s.discardSensitive()
		}
		return success(s.doc()), nil
	}
}

func discardSensitive(f *Fake, c *call) action {
	return func() (any, *failure) {
		r, problem := f.spanFor(c)
		if problem != nil {
			return nil, problem
		}
		i := f.instances[r.now.Load().AgentInstanceID]
		return success(i.changeSpan(r, (*Span).discardSensitive).doc()), nil
	}
}

// discardSensitive makes the marked values of the payloads null.
func (s *Span) discardSensitive() {
	s.Payload, s.ResultPayload = withoutSensitive(s.Payload), withoutSensitive(s.ResultPayload)
}

// withoutSensitive returns v with the value of each object that has the member
// $sensitive replaced by null. The mark stays.
func withoutSensitive(v jsontext.Value) jsontext.Value {
	switch v.Kind() {
	case '{':
		doc, _ := members(v) // its syntax was checked with the body
		if _, marked := doc["$sensitive"]; marked {
			doc["value"] = jsontext.Value("null")
			return encode(doc)
		}
		for name := range doc {
			doc[name] = withoutSensitive(doc[name])
		}
		return encode(doc)
	case '[':
		var list []jsontext.Value
		decode(v, &list)
		for n := range list {
			list[n] = withoutSensitive(list[n])
		}
		return encode(list)
	}
	return v
}

// spanOrder holds the orders of a list of spans.
var spanOrder = map[string]func(a, b *Span) int{
	"id":          func(a, b *Span) int { return cmp.Compare(a.ID, b.ID) },
	"status":      func(a, b *Span) int { return cmp.Compare(a.Status, b.Status) },
	"title":       func(a, b *Span) int { return cmp.Compare(a.SchemaName, b.SchemaName) },
	"timestamp":   func(a, b *Span) int { return a.StartedAt.Compare(b.StartedAt) },
	"started_at":  func(a, b *Span) int { return a.StartedAt.Compare(b.StartedAt) },
	"finished_at": func(a, b *Span) int { return a.FinishedAt.Compare(b.FinishedAt) },
}

func listSpans(f *Fake, c *call) action {
	instanceID := c.query.text("agent_instance_id")
	agentID := c.query.text("agent_id")
	from, to := c.query.time("start_time"), c.query.time("end_time")
	summaries, risk := c.query.flag("include_summaries"), c.query.flag("include_risk_level")
	l := newListing(c, spanOrder)
	keep := func(s *Span) bool {
		return c.grant.sees(s.AccountID, s.AgentID, s.environmentID) &&
			(agentID == "" || s.AgentID == agentID) &&
			(from.IsZero() || !s.StartedAt.Before(from)) &&
			(to.IsZero() || s.StartedAt.Before(to))
	}
	if from.IsZero() && to.IsZero() && (instanceID == "" || agentID == "") && c.grant.AgentID == "" {
		keep = nil // the index holds exactly the rows of the list
	}
	return func() (any, *failure) {
		f.mu.Lock()
		records, writes := f.spanIndex(c, agentID, instanceID), f.writes
		f.mu.Unlock()
		return l.answer(f, rows[Span]{
			writes: writes,
			length: len(records),
			at:     func(n int) *Span { return records[n].now.Load() },
			keep:   keep,
			doc:    func(s *Span) any { return f.spanRow(s, summaries, risk) },
		}), nil
	}
}

// spanRow returns the span as a row of a list, with what the list asked for.
func (f *Fake) spanRow(s *Span, summary, risk bool) spanRow {
	row := spanRow{spanDoc: *s.doc()}
	if !summary {
		row.Summary = nil
	}
	if !risk {
		return row
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.instances[s.AgentInstanceID].now.Load().RiskScore.ofType(s.SchemaName); t != nil {
		row.RiskLevel, row.RiskScore = orNull(t.RiskLevel), &t.TypeScore
	}
	return row
}

// spanIndex returns the shortest index that has every span of the list. The
// fake's lock is held.
func (f *Fake) spanIndex(c *call, agentID, instanceID string) []*spanRecord {
	switch {
	case instanceID != "":
		if r, problem := f.instanceFor(c, instanceID); problem == nil {
			return r.spans
		}
		return nil
	case agentID != "":
		if r, problem := f.visibleAgent(c, agentID); problem == nil {
			return r.spans
		}
		return nil
	}
	return f.account(c.grant.AccountID).spans
}
