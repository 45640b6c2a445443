package prefactortest

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

const apiPrefix = "/api/v1"

// An operation is one endpoint of the API.
type operation struct {
	name          string // in the journal and in faults
	method, route string
	item          string // its _type in a bulk request; empty if it has none
	itemID        string // the item field with the id of the route
	write         bool   // changes something, so it takes an idempotency key
	ingestion     bool   // an ingestion token may call it
	accountOnly   bool   // a deployment token may not call it
	prepare       func(*Fake, *call) action
}

// An action runs a valid call. The action of a write runs under the fake's
// lock.
type action func() (doc any, problem *failure)

var operations = []*operation{
	{name: "agent_instances.register", method: "POST", route: "/agent_instance/register", item: "agent_instances/register",
		write: true, ingestion: true, prepare: registerInstance},
	{name: "agent_instances.start", method: "POST", route: "/agent_instance/{id}/start", item: "agent_instances/start",
		itemID: "agent_instance_id", write: true, ingestion: true, prepare: startInstance},
	{name: "agent_instances.finish", method: "POST", route: "/agent_instance/{id}/finish", item: "agent_instances/finish",
		itemID: "agent_instance_id", write: true, ingestion: true, prepare: finishInstance},
	{name: "agent_instances.terminate", method: "POST", route: "/agent_instance/{id}/terminate", item: "agent_instances/terminate",
		itemID: "agent_instance_id", write: true, ingestion: true, prepare: terminateInstance},
	{name: "agent_instances.record_quality", method: "POST", route: "/agent_instance/{id}/record_quality", item: "agent_instances/record_quality",
		itemID: "agent_instance_id", write: true, ingestion: true, prepare: recordQuality},
	{name: "agent_instances.update", method: "PUT", route: "/agent_instance/{id}", item: "agent_instances/update",
		itemID: "agent_instance_id", write: true, prepare: updateInstance},
	{name: "agent_instances.get", method: "GET", route: "/agent_instance/{id}", ingestion: true, prepare: getInstance},
	{name: "agent_instances.show", method: "GET", route: "/agent_instance/show", item: "agent_instances/show",
		ingestion: true, prepare: showInstance},
	{name: "agent_instances.agent_context", method: "GET", route: "/agent_instance/{id}/agent_context",
		prepare: getAgentContext},
	{name: "agent_instances.list", method: "GET", route: "/agent_instance", item: "agent_instances/list",
		prepare: listInstances},

	{name: "agent_spans.create", method: "POST", route: "/agent_spans", item: "agent_spans/create",
		write: true, ingestion: true, prepare: createSpan},
	{name: "agent_spans.finish", method: "POST", route: "/agent_spans/{id}/finish", item: "agent_spans/finish",
		itemID: "agent_span_id", write: true, ingestion: true, prepare: finishSpan},
	{name: "agent_spans.discard_sensitive", method: "POST", route: "/agent_spans/{id}/discard_sensitive",
		write: true, prepare: discardSensitive},
	{name: "agent_spans.get", method: "GET", route: "/agent_spans/{id}", item: "agent_spans/show",
		itemID: "agent_span_id", prepare: getSpan},
	{name: "agent_spans.list", method: "GET", route: "/agent_spans", item: "agent_spans/list",
		prepare: listSpans},

	{name: "alerts.raise", method: "POST", route: "/alerts/raise", write: true, ingestion: true, prepare: raiseAlert},
	{name: "alerts.clear", method: "POST", route: "/alerts/clear", write: true, ingestion: true, prepare: clearAlert},
	{name: "alerts.get", method: "GET", route: "/alerts/{id}", prepare: getAlert},
	{name: "alerts.count", method: "GET", route: "/alerts/count", prepare: countAlerts},
	{name: "alerts.list", method: "GET", route: "/alerts", prepare: listAlerts},

	{name: "agents.create", method: "POST", route: "/agent", item: "agents/create",
		write: true, accountOnly: true, prepare: createAgent},
	{name: "agents.update", method: "PUT", route: "/agent/{id}", item: "agents/update",
		itemID: "agent_id", write: true, accountOnly: true, prepare: updateAgent},
	{name: "agents.get", method: "GET", route: "/agent/{id}", prepare: getAgent},
	{name: "agents.show", method: "GET", route: "/agent/show", item: "agents/show", prepare: showAgent},
	{name: "agents.list", method: "GET", route: "/agent", item: "agents/list", prepare: listAgents},
	{name: "agents.retire", method: "POST", route: "/agent/{id}/retire", item: "agents/retire",
		itemID: "agent_id", write: true, accountOnly: true, prepare: retireAgent},
	{name: "agents.reinstate", method: "POST", route: "/agent/{id}/reinstate", item: "agents/reinstate",
		itemID: "agent_id", write: true, accountOnly: true, prepare: reinstateAgent},
	{name: "agents.delete", method: "DELETE", route: "/agent/{id}", item: "agents/delete",
		itemID: "agent_id", write: true, accountOnly: true, prepare: deleteAgent},

	{name: "accounts.list", method: "GET", route: "/account", prepare: listEntries("account")},
	{name: "accounts.get", method: "GET", route: "/account/{id}", prepare: getEntry("account")},
	{name: "environments.list", method: "GET", route: "/environment", item: "environments/list",
		prepare: listEntries("environment", "account_id")},
	{name: "environments.show", method: "GET", route: "/environment/show", item: "environments/show", prepare: showEnvironment},
	{name: "environments.get", method: "GET", route: "/environment/{id}", prepare: getEntry("environment")},
	{name: "environments.create", method: "POST", route: "/environment", item: "environments/create",
		write: true, accountOnly: true, prepare: createEnvironment},
	{name: "agent_deployments.list", method: "GET", route: "/agent_deployment", prepare: listEntries("agent_deployment", "agent_id")},
	{name: "agent_deployments.get", method: "GET", route: "/agent_deployment/{id}", prepare: getEntry("agent_deployment")},
	{name: "agent_deployments.create", method: "POST", route: "/agent_deployment",
		write: true, accountOnly: true, prepare: createDeployment},
	{name: "agent_versions.list", method: "GET", route: "/agent_version", prepare: listEntries("agent_version", "agent_id")},
	{name: "agent_versions.get", method: "GET", route: "/agent_version/{id}", prepare: getEntry("agent_version")},
	{name: "agent_schema_versions.list", method: "GET", route: "/agent_schema_version",
		prepare: listEntries("agent_schema_version", "agent_id")},
	{name: "agent_schema_versions.get", method: "GET", route: "/agent_schema_version/{id}", prepare: getEntry("agent_schema_version")},

	{name: "api_tokens.list", method: "GET", route: "/api_token",
		accountOnly: true, prepare: listEntries("api_token", "account_id", "agent_id", "environment_id")},
	{name: "api_tokens.get", method: "GET", route: "/api_token/{id}", accountOnly: true, prepare: getEntry("api_token")},
	{name: "api_tokens.create", method: "POST", route: "/api_token", write: true, accountOnly: true, prepare: createToken},
	{name: "api_tokens.suspend", method: "POST", route: "/api_token/{id}/suspend",
		write: true, accountOnly: true, prepare: moveToken(suspended, active)},
	{name: "api_tokens.activate", method: "POST", route: "/api_token/{id}/activate",
		write: true, accountOnly: true, prepare: moveToken(active, suspended)},
	{name: "api_tokens.revoke", method: "POST", route: "/api_token/{id}/revoke",
		write: true, accountOnly: true, prepare: moveToken(revoked, active, suspended)},
	{name: "api_tokens.delete", method: "DELETE", route: "/api_token/{id}", write: true, accountOnly: true, prepare: deleteToken},

	{name: bulkExecute, method: "POST", route: "/bulk", ingestion: true},
	{name: "ping", method: "GET", route: "/ping", ingestion: true, prepare: ping},
	{name: "pfids.generate", method: "POST", route: "/pfid/generate", ingestion: true, prepare: generatePFIDs},
}

var (
	operationsByRoute = index(func(op *operation) string { return op.method + " " + op.route })
	operationsByItem  = index(func(op *operation) string { return op.item })
	operationsByName  = index(func(op *operation) string { return op.name })
)

// A tokenDoc describes the token of a ping.
type tokenDoc struct {
	TokenType string `json:"token_type"`
	AgentID   string `json:"agent_id,omitzero"` // of a deployment token
}

func ping(_ *Fake, c *call) action {
	token := tokenDoc{"api_session_account_scope", c.grant.AgentID}
	if c.grant.AgentID != "" {
		token.TokenType = "api_session_agent_deployment_scope"
	}
	return func() (any, *failure) { return success(token), nil }
}

func index(key func(*operation) string) map[string]*operation {
	m := make(map[string]*operation, len(operations))
	for _, op := range operations {
		if k := key(op); k != "" {
			m[k] = op
		}
	}
	return m
}

// route finds the operation of a request and the id in its path. op is nil if
// no route matches.
func route(method, escapedPath string) (op *operation, id string) {
	path, ok := strings.CutPrefix(escapedPath, apiPrefix)
	if !ok {
		return nil, ""
	}
	if op := operationsByRoute[method+" "+path]; op != nil {
		return op, ""
	}
	segments := strings.Split(path, "/")
	if len(segments) < 3 {
		return nil, ""
	}
	id, err := url.PathUnescape(segments[2])
	if err != nil || id == "" || words[segments[1]+"/"+segments[2]] {
		return nil, ""
	}
	segments[2] = "{id}"
	return operationsByRoute[method+" "+strings.Join(segments, "/")], id
}

// words are the segments that have the place of an id in a route but are none,
// such as agent_instance/show.
var words = func() map[string]bool {
	m := make(map[string]bool)
	for _, op := range operations {
		if segments := strings.Split(op.route, "/"); len(segments) > 2 && segments[2] != "{id}" {
			m[segments[1]+"/"+segments[2]] = true
		}
	}
	return m
}()

// otherResources are resources of the API that the fake doesn't have.
var otherResources = []string{
	"account_integration", "admin_user", "admin_user_invite", "person", "playground", "risk_profile", "team",
}

// nearMisses describes an unmatched request and the most similar routes.
func nearMisses(method, path string) string {
	asked := method + " " + path
	rest := strings.TrimPrefix(strings.TrimPrefix(path, apiPrefix), "/")
	if noun, _, _ := strings.Cut(rest, "/"); slices.Contains(otherResources, noun) {
		return fmt.Sprintf("no route %s: the fake has no %s resources", asked, noun)
	}
	near := slices.Clone(operations)
	slices.SortStableFunc(near, func(a, b *operation) int {
		return cmp.Compare(a.distance(asked), b.distance(asked))
	})
	names := make([]string, 3)
	for i, op := range near[:len(names)] {
		names[i] = op.method + " " + apiPrefix + op.route
	}
	return fmt.Sprintf("no route %s; near misses: %s", asked, strings.Join(names, ", "))
}

func (op *operation) distance(asked string) int {
	return editDistance(op.method+" "+apiPrefix+op.route, asked)
}

// editDistance counts the single-byte edits that turn a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
