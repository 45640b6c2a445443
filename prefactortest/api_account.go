package prefactortest

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

func getEntry(noun string) func(*Fake, *call) action {
	return func(f *Fake, c *call) action {
		return func() (any, *failure) {
			f.mu.Lock()
			defer f.mu.Unlock()
			e, problem := f.entryFor(c, noun, c.id)
			if problem != nil {
				return nil, problem
			}
			return success(e.doc()), nil
		}
	}
}

// entryOrder holds the orders of a list of entries.
var entryOrder = map[string]func(a, b *entry) int{
	"id":                  func(a, b *entry) int { return cmp.Compare(a.id, b.id) },
	"external_identifier": func(a, b *entry) int { return cmp.Compare(a.externalIdentifier, b.externalIdentifier) },
	"timestamp":           func(a, b *entry) int { return a.insertedAt.Compare(b.insertedAt) },
}

// entryFilters holds the query parameters that choose entries.
var entryFilters = map[string]func(*entry) string{
	"account_id":     func(e *entry) string { return e.accountID },
	"agent_id":       func(e *entry) string { return e.agentID },
	"environment_id": func(e *entry) string { return e.environmentID },
}

// listEntries lists the entries of the noun. filters are the entryFilters that
// the list takes.
func listEntries(noun string, filters ...string) func(*Fake, *call) action {
	return func(f *Fake, c *call) action {
		wanted := make(map[string]string)
		for _, name := range filters {
			wanted[name] = c.query.text(name)
		}
		l := newListing(c, entryOrder)
		return func() (any, *failure) {
			f.mu.Lock()
			defer f.mu.Unlock()
			entries := f.account(c.grant.AccountID).entries[noun]
			return l.answer(f, rows[entry]{
				writes: f.writes,
				length: len(entries),
				at:     func(n int) *entry { return entries[n] },
				keep: func(e *entry) bool {
					for name, want := range wanted {
						if want != "" && entryFilters[name](e) != want {
							return false
						}
					}
					return c.grant.seesEntry(e)
				},
				doc: func(e *entry) any {
					if e.row != nil {
						return e.row()
					}
					return e.doc()
				},
			}), nil
		}
	}
}

type accountDoc struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Name string `json:"name"`
}

type environmentDoc struct {
	Type               string  `json:"type"`
	ID                 string  `json:"id"`
	AccountID          string  `json:"account_id"`
	Name               string  `json:"name"`
	Description        *string `json:"description"`
	ExternalIdentifier *string `json:"external_identifier"`
	Purpose            string  `json:"purpose"`
}

// environment finds or creates the environment. The fake's lock is held.
func (s *store) environment(accountID, id string) *entry {
	return s.found(foundKey{"environment", accountID, id}, func() *entry {
		return s.addEnvironment(environmentDoc{ID: id, AccountID: accountID, Name: id, Purpose: "testing"}, "")
	})
}

func (s *store) addEnvironment(doc environmentDoc, external string) *entry {
	doc.Type, doc.ExternalIdentifier = "environment", orNull(external)
	e := &entry{
		id: doc.ID, accountID: doc.AccountID, environmentID: doc.ID, externalIdentifier: external,
		doc: func() any { return doc },
	}
	s.add("environment", e)
	return e
}

func createEnvironment(f *Fake, c *call) action {
	details := c.details()
	doc := environmentDoc{
		ID:          details.id("id", optional),
		AccountID:   cmp.Or(details.text("account_id", optional), c.grant.AccountID),
		Name:        details.text("name", needed),
		Description: orNull(details.text("description", optional)),
		Purpose:     cmp.Or(details.oneOf("purpose", optional, "development", "staging", "testing", "production"), "development"),
	}
	external := details.text("external_identifier", optional)
	details.done()
	return func() (any, *failure) {
		if _, problem := f.entryFor(c, "account", doc.AccountID); problem != nil {
			return nil, problem
		}
		if f.hasEntry(c, "environment", doc.ID) {
			return nil, invalid(invalidValue("has already been taken", details.at("id")...))
		}
		if f.entryWith(c, "environment", func(e *entry) bool { return external != "" && e.externalIdentifier == external }) != nil {
			return nil, invalid(invalidValue("has already been taken", details.at("external_identifier")...))
		}
		doc.ID = cmp.Or(doc.ID, f.ids.next(doc.AccountID))
		e := f.addEnvironment(doc, external)
		f.mentioned[foundKey{"environment", doc.AccountID, doc.ID}] = e
		return success(e.doc()), nil
	}
}

func showEnvironment(f *Fake, c *call) action {
	id, external := c.query.text("environment_id"), c.query.text("external_identifier")
	if id == "" && external == "" {
		c.refuse(required("environment_id"))
	}
	return func() (any, *failure) {
		f.mu.Lock()
		defer f.mu.Unlock()
		e := f.entryWith(c, "environment", func(e *entry) bool {
			return e.id == id || id == "" && e.externalIdentifier == external
		})
		if e == nil {
			return nil, notFound("No environment has the id or external identifier " + cmp.Or(id, external))
		}
		return success(e.doc()), nil
	}
}

// A deploymentDoc is an agent in an environment.
type deploymentDoc struct {
	Type             string  `json:"type"`
	ID               string  `json:"id"`
	AccountID        string  `json:"account_id"`
	AgentID          string  `json:"agent_id"`
	EnvironmentID    string  `json:"environment_id"`
	CurrentVersionID *string `json:"current_version_id"`
	InsertedAt       *string `json:"inserted_at"`
	UpdatedAt        *string `json:"updated_at"`
}

// deployment finds or creates the deployment, and its environment. The fake's
// lock is held.
func (s *store) deployment(accountID, agentID, environmentID string) *entry {
	s.environment(accountID, environmentID)
	return s.found(foundKey{"agent_deployment", agentID, environmentID}, func() *entry {
		e := &entry{id: s.ids.next(agentID), accountID: accountID, agentID: agentID, environmentID: environmentID}
		e.doc = func() any {
			return deploymentDoc{
				Type:             "agent_deployment",
				ID:               e.id,
				AccountID:        accountID,
				AgentID:          agentID,
				EnvironmentID:    environmentID,
				CurrentVersionID: orNull(e.versionID),
				InsertedAt:       stamp(e.insertedAt),
				UpdatedAt:        stamp(e.updatedAt),
			}
		}
		s.add("agent_deployment", e)
		return e
	})
}

// deploy makes the version the current one of a deployment. The fake's lock is
// held.
func (s *store) deploy(deployment, version *entry) {
	deployment.versionID, deployment.schemaVersionID = version.id, version.schemaVersionID
	deployment.updatedAt = s.ids.clock()
}

func createDeployment(f *Fake, c *call) action {
	details := c.details()
	id := details.id("id", optional)
	agentID, environmentID := details.text("agent_id", needed), details.text("environment_id", needed)
	versionID := details.text("current_version_id", optional)
	details.done()
	return func() (any, *failure) {
		if problem := f.placeFor(c, agentID, environmentID); problem != nil {
			return nil, problem
		}
		version, problem := f.entryFor(c, "agent_version", versionID)
		if versionID != "" && problem != nil {
			return nil, problem
		}
		taken := func(e *entry) bool { return e.agentID == agentID && e.environmentID == environmentID }
		if d := f.entryWith(c, "agent_deployment", taken); d != nil {
			return nil, invalid(invalidValue("already has the agent's deployment "+d.id, details.at("environment_id")...))
		}
		if f.hasEntry(c, "agent_deployment", id) {
			return nil, invalid(invalidValue("has already been taken", details.at("id")...))
		}
		d := f.deployment(c.grant.AccountID, agentID, environmentID)
		d.id = cmp.Or(id, d.id)
		if version != nil {
			f.deploy(d, version)
		}
		return success(d.doc()), nil
	}
}

// placeFor refuses an agent or an environment that doesn't exist. The fake's
// lock is held.
func (f *Fake) placeFor(c *call, agentID, environmentID string) *failure {
	if _, problem := f.visibleAgent(c, agentID); problem != nil {
		return problem
	}
	_, problem := f.entryFor(c, "environment", environmentID)
	return problem
}

// A version is the agent's version in a registration.
type version struct{ externalIdentifier, name, description string }

func readVersion(body *params) version {
	p := body.object("agent_version", optional)
	v := version{
		externalIdentifier: p.text("external_identifier", optional),
		name:               p.text("name", optional),
		description:        p.text("description", optional),
	}
	p.record("runtime_environment", "agent_sdk", "os", "prefactor_sdk", "runtime")
	p.done()
	return v
}

// A versionRow is what a version of an agent and one of its schemas have in
// common on the wire.
type versionRow struct {
	Type                       string   `json:"type"`
	ID                         string   `json:"id"`
	AccountID                  string   `json:"account_id"`
	AgentID                    string   `json:"agent_id"`
	ExternalIdentifier         string   `json:"external_identifier"`
	ExternalIdentifierRepeats  int      `json:"external_identifier_repeats"`
	CurrentAgentDeploymentRefs []string `json:"current_agent_deployment_refs"`
	InsertedAt                 *string  `json:"inserted_at"`
	UpdatedAt                  *string  `json:"updated_at"`
}

// addVersion stores a version of the agent or of its schemas. rest makes its
// wire form of what all versions have.
func (s *store) addVersion(noun string, a *agent, e *entry, rest func(versionRow) any) *entry {
	repeats := 0
	for _, other := range s.account(a.accountID).entries[noun] {
		if other.agentID == a.id && other.externalIdentifier == e.externalIdentifier {
			repeats++
		}
	}
	e.id, e.accountID, e.agentID = s.ids.next(a.id), a.accountID, a.id
	e.doc = func() any {
		return rest(versionRow{
			Type:                       noun,
			ID:                         e.id,
			AccountID:                  e.accountID,
			AgentID:                    e.agentID,
			ExternalIdentifier:         e.externalIdentifier,
			ExternalIdentifierRepeats:  repeats,
			CurrentAgentDeploymentRefs: s.deploymentsOf(e),
			InsertedAt:                 stamp(e.insertedAt),
			UpdatedAt:                  stamp(e.updatedAt),
		})
	}
	s.add(noun, e)
	return e
}

// deploymentsOf returns the ids of the deployments whose current version has
// the version.
func (s *store) deploymentsOf(version *entry) []string {
	ids := []string{}
	for _, d := range s.account(version.accountID).entries["agent_deployment"] {
		if d.versionID == version.id || d.schemaVersionID == version.id {
			ids = append(ids, d.id)
		}
	}
	return ids
}

type agentVersionDoc struct {
	versionRow
	AgentSchemaVersionID *string `json:"agent_schema_version_id"`
}

// agentVersion finds or creates the version with the schemas, which may be nil.
// The fake's lock is held.
func (s *store) agentVersion(a *agent, v version, schemas *entry) *entry {
	e := &entry{externalIdentifier: v.externalIdentifier}
	if schemas != nil {
		e.schemaVersionID = schemas.id
	}
	return s.found(foundKey{"agent_version", a.id, v.externalIdentifier + " " + e.schemaVersionID}, func() *entry {
		return s.addVersion("agent_version", a, e, func(row versionRow) any {
			return agentVersionDoc{row, orNull(e.schemaVersionID)}
		})
	})
}

// A schemaVersion is the version of the schemas in a registration.
type schemaVersion struct {
	given              bool
	externalIdentifier string
	schemasDoc
}

// A schemasDoc holds the schemas by their names.
type schemasDoc struct {
	SpanTypes map[string]spanTypeDoc    `json:"span_type_schemas"`
	Quality   map[string]namedSchemaDoc `json:"quality_schemas"`
	Alerts    map[string]namedSchemaDoc `json:"alert_schemas"`
}

// A schemaDoc is what all schemas have on the wire.
type schemaDoc struct {
	Name        string         `json:"name"`
	Title       string         `json:"title"`
	Description *string        `json:"description"`
	Template    *string        `json:"template"`
	DataRisk    jsontext.Value `json:"data_risk"`
}

type spanTypeDoc struct {
	schemaDoc
	ParamsSchema           jsontext.Value `json:"params_schema"`
	ParamsSchemaValidation validationDoc  `json:"params_schema_validation"`
	ResultSchema           jsontext.Value `json:"result_schema"`
	ResultSchemaValidation validationDoc  `json:"result_schema_validation"`
}

// A namedSchemaDoc is the schema of a quality or of an alert.
type namedSchemaDoc struct {
	schemaDoc
	Schema           jsontext.Value `json:"schema"`
	SchemaValidation validationDoc  `json:"schema_validation"`
}

// A validationDoc is the result of checking a schema. The fake doesn't check.
type validationDoc struct {
	Status  string  `json:"status"`
	Message *string `json:"message"`
}

var valid = validationDoc{Status: "success"}

type schemaVersionRow struct {
	versionRow
	SpanSchemasCount int `json:"span_schemas_count"`
}

type schemaVersionDoc struct {
	versionRow
	schemasDoc
}

// schemaVersion finds or creates the version of the agent's schemas. The fake's
// lock is held.
func (s *store) schemaVersion(a *agent, v schemaVersion) *entry {
	name := v.externalIdentifier + " " + string(encode(v.schemasDoc))
	return s.found(foundKey{"agent_schema_version", a.id, name}, func() *entry {
		e := &entry{externalIdentifier: v.externalIdentifier}
		s.addVersion("agent_schema_version", a, e, func(row versionRow) any { return schemaVersionDoc{row, v.schemasDoc} })
		e.row = func() any { return schemaVersionRow{e.doc().(schemaVersionDoc).versionRow, len(v.SpanTypes)} }
		return e
	})
}

func readSchemaVersion(body *params) schemaVersion {
	p := body.object("agent_schema_version", optional)
	s := schemaVersion{given: p.doc != nil, externalIdentifier: p.text("external_identifier", optional)}
	s.SpanTypes = readSpanTypes(p)
	s.Quality = readNamedSchemas(p, "quality_schemas")
	s.Alerts = readNamedSchemas(p, "alert_schemas")
	p.outdated("quality_schema")
	p.done()
	return s
}

// readSpanTypes reads the list of span types or, without it, the two maps that
// came before it.
func readSpanTypes(p *params) map[string]spanTypeDoc {
	types := make(map[string]spanTypeDoc)
	params, results := p.object("span_schemas", optional), p.object("span_result_schemas", optional)
	list := p.objects("span_type_schemas", optional)
	if p.value("span_type_schemas", optional) == nil {
		for name := range params.doc {
			types[name] = newSpanType(schemaDoc{Name: name, Title: name}, params.raw(name, optional), results.raw(name, optional))
		}
	}
	for _, t := range list {
		doc := readSchema(t)
		types[doc.Name] = newSpanType(doc, t.raw("params_schema", optional), t.raw("result_schema", optional))
		t.done()
	}
	return types
}

func newSpanType(doc schemaDoc, params, result jsontext.Value) spanTypeDoc {
	if result == nil {
		result = jsontext.Value("{}")
	}
	return spanTypeDoc{doc, params, valid, result, valid}
}

func readNamedSchemas(p *params, field string) map[string]namedSchemaDoc {
	schemas := make(map[string]namedSchemaDoc)
	for _, q := range p.objects(field, optional) {
		doc := readSchema(q)
		schemas[doc.Name] = namedSchemaDoc{doc, q.raw("schema", optional), valid}
		q.done()
	}
	return schemas
}

func readSchema(p *params) schemaDoc {
	name := p.text("name", optional)
	risk := p.object("data_risk", optional)
	risk.record("action_profile", riskActions...)
	risk.record("params_data_categories", riskCategories...)
	risk.record("result_data_categories", riskCategories...)
	risk.done()
	return schemaDoc{
		Name:        name,
		Title:       cmp.Or(p.text("title", optional), name),
		Description: orNull(p.text("description", optional)),
		Template:    orNull(p.text("template", optional)),
		DataRisk:    p.raw("data_risk", optional),
	}
}

// placeholder is the part of a Liquid template that the fake renders, a path
// into the payload; of {{ a.b | upcase }} it ignores the filter.
var placeholder = regexp.MustCompile(`{{\s*([\w.:-]+)[^}]*}}`)

// summary returns the template with the payload's values, or nil without a
// template.
func (s schemaDoc) summary(payload jsontext.Value) *string {
	if s.Template == nil {
		return nil
	}
	return new(placeholder.ReplaceAllStringFunc(*s.Template, func(text string) string {
		v := payload
		for name := range strings.SplitSeq(placeholder.FindStringSubmatch(text)[1], ".") {
			doc, _ := members(v)
			v = doc[name]
		}
		return plain(v)
	}))
}

// The members of a schema's data_risk.
var (
	riskActions = []string{
		"create_data", "read_data", "update_data", "destroy_data", "financial_transactions", "external_communication",
	}
	riskCategories = []string{
		"classification", "personal_identifiers", "contact_information", "financial_information", "health_and_medical",
		"criminal_justice", "authentication_and_secrets", "organisational_confidential", "minors_data",
		"location_and_tracking", "behavioural_and_inferred", "gdpr_racial_or_ethnic_origin", "gdpr_political_opinions",
		"gdpr_religious_or_philosophical_beliefs", "gdpr_trade_union_membership", "gdpr_genetic_data",
		"gdpr_biometric_for_identification", "gdpr_sex_life_or_sexual_orientation",
	}
)
