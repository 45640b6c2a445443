package prefactortest

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

const (
	// Token is accepted by every fake. It may do everything in the account
	// [AccountID].
	Token = "test-token"
	// BadToken is refused by every fake, even if it was granted rights.
	BadToken = "bad"
)

// A Grant describes the rights of a token. The zero Grant is an account token
// of [AccountID] that may do everything.
type Grant struct {
	// AccountID is the account of the token; empty means the constant
	// [AccountID]. Records of other accounts are 404.
	AccountID string
	// AgentID makes a deployment token, which sees one agent; a registration
	// may omit the agent's id. EnvironmentID, together with AgentID, narrows
	// the token to one environment, which a registration may omit too.
	AgentID, EnvironmentID string
	// Ingestion makes an ingestion token. It may register, start, finish and
	// terminate instances, record their quality, read one instance, write
	// spans, raise and clear alerts, generate PFIDs, ping, and do the same in
	// bulk. Other operations refuse it with 401.
	Ingestion bool
}

// allows returns nil if the grant may call op.
func (g Grant) allows(op *operation) *failure {
	switch {
	case g.Ingestion && !op.ingestion:
		return &failure{status: 401, code: "bad_authtoken", message: "An ingestion token may not call " + op.name}
	case g.AgentID != "" && op.accountOnly:
		return &failure{status: 403, code: "forbidden", message: "A deployment token may not call " + op.name}
	}
	return nil
}

// sees reports whether a record of the account, agent and environment is
// visible to the grant. A record without an environment is visible to all.
func (g Grant) sees(account, agent, environment string) bool {
	if g.AccountID != account {
		return false
	}
	if g.AgentID == "" {
		return true
	}
	return g.AgentID == agent && (environment == "" || g.EnvironmentID == "" || g.EnvironmentID == environment)
}

// seesEntry reports whether the entry is visible to the grant. A deployment
// token sees what belongs to its deployment, and what belongs to no agent.
func (g Grant) seesEntry(e *entry) bool {
	return g.sees(e.accountID, cmp.Or(e.agentID, g.AgentID), e.environmentID)
}

// The statuses of a token that aren't active.
const (
	suspended = "suspended"
	revoked   = "revoked"
)

// An apiToken is a token that the fake knows: granted by the test, or issued.
type apiToken struct {
	entry
	value, status, deploymentID string
	grant                       Grant
	expiresAt, lastUsedAt       time.Time
}

// grant accepts the token, and creates its agent and its deployment if they
// don't exist. It replaces a token with the same value. The fake's lock is held.
func (s *store) grant(value string, g Grant, expiresAt time.Time) *apiToken {
	s.forget(s.tokens[value])
	g.AccountID = cmp.Or(g.AccountID, AccountID)
	t := &apiToken{
		entry:     entry{id: s.ids.next(g.AccountID), accountID: g.AccountID, agentID: g.AgentID, environmentID: g.EnvironmentID},
		value:     value,
		status:    active,
		grant:     g,
		expiresAt: expiresAt,
	}
	t.doc = t.details
	if g.AgentID != "" {
		s.agent(g.AgentID, g.AccountID, s.ids.clock())
	}
	if g.AgentID != "" && g.EnvironmentID != "" {
		t.deploymentID = s.deployment(g.AccountID, g.AgentID, g.EnvironmentID).id
	}
	s.tokens[value] = t
	s.add("api_token", &t.entry)
	return t
}

// forget removes the token, if it isn't nil. The fake's lock is held.
func (s *store) forget(t *apiToken) {
	if t == nil {
		return
	}
	delete(s.tokens, t.value)
	entries := s.account(t.accountID).entries
	entries["api_token"] = slices.DeleteFunc(slices.Clone(entries["api_token"]), func(e *entry) bool { return e == &t.entry })
}

// accepted reports whether a request may have the token, which may be nil. The
// fake's lock is held.
func (t *apiToken) accepted(now time.Time) bool {
	return t != nil && t.status == active && t.value != BadToken && (t.expiresAt.IsZero() || now.Before(t.expiresAt))
}

type apiTokenDoc struct {
	Type                 string  `json:"type"`
	ID                   string  `json:"id"`
	TokenScope           string  `json:"token_scope"`
	Status               string  `json:"status"`
	AccountID            string  `json:"account_id"`
	AgentDeploymentID    *string `json:"agent_deployment_id"`
	AgentID              *string `json:"agent_id"`
	EnvironmentID        *string `json:"environment_id"`
	CreatedByAdminUserID *string `json:"created_by_admin_user_id"`
	ExpiresAt            *string `json:"expires_at"`
	LastUsedAt           *string `json:"last_used_at"`
	InsertedAt           *string `json:"inserted_at"`
	UpdatedAt            *string `json:"updated_at"`
}

// The scopes of a token.
const (
	accountScope    = "account"
	deploymentScope = "agent_deployment"
)

func (t *apiToken) details() any {
	scope := accountScope
	if t.agentID != "" {
		scope = deploymentScope
	}
	return apiTokenDoc{
		Type:              "api_token",
		ID:                t.id,
		TokenScope:        scope,
		Status:            t.status,
		AccountID:         t.accountID,
		AgentDeploymentID: orNull(t.deploymentID),
		AgentID:           orNull(t.agentID),
		EnvironmentID:     orNull(t.environmentID),
		ExpiresAt:         stamp(t.expiresAt),
		LastUsedAt:        stamp(t.lastUsedAt),
		InsertedAt:        stamp(t.insertedAt),
		UpdatedAt:         stamp(t.updatedAt),
	}
}

// An issuedDoc is the response to the creation of a token, the only one that
// has its value.
type issuedDoc struct {
	detailsDoc
	Token string `json:"token"`
}

func createToken(f *Fake, c *call) action {
	details := c.details()
	scope := details.oneOf("token_scope", needed, accountScope, deploymentScope)
	account := cmp.Or(details.text("account_id", optional), c.grant.AccountID)
	deployed := scope == deploymentScope
	agentID, environmentID := details.text("agent_id", presence(deployed)), details.text("environment_id", presence(deployed))
	expiresAt := details.time("expires_at")
	details.done()
	for name, id := range map[string]string{"agent_id": agentID, "environment_id": environmentID} {
		if scope == accountScope && id != "" {
			details.refuse(name, "is only valid with the scope "+deploymentScope)
		}
	}
	return func() (any, *failure) {
		_, problem := f.entryFor(c, "account", account)
		if problem == nil && deployed {
			problem = f.placeFor(c, agentID, environmentID)
		}
		if problem != nil {
			return nil, problem
		}
		value := "pf_" + f.ids.next(account)
		t := f.grant(value, Grant{AccountID: account, AgentID: agentID, EnvironmentID: environmentID}, expiresAt)
		return issuedDoc{success(t.details()), value}, nil
	}
}

// moveToken changes the status of a token to the status to, if it has one of
// those in from.
func moveToken(to string, from ...string) func(*Fake, *call) action {
	return changeToken(from, func(f *Fake, t *apiToken) {
		t.status, t.updatedAt = to, f.set.clock()
	})
}

func deleteToken(f *Fake, c *call) action {
	return changeToken([]string{revoked}, func(f *Fake, t *apiToken) { f.forget(t) })(f, c)
}

func changeToken(from []string, change func(*Fake, *apiToken)) func(*Fake, *call) action {
	return func(f *Fake, c *call) action {
		return func() (any, *failure) {
			t := f.tokenWith(c.grant.AccountID, c.id)
			if t == nil {
				return nil, notFound("No api_token has the id " + c.id)
			}
			if !slices.Contains(from, t.status) {
				return nil, invalidAction("An API token must be " + strings.Join(from, " or ") + " for this; this one is " + t.status)
			}
			change(f, t)
			return success(t.details()), nil
		}
	}
}

// tokenWith finds the account's token with the id, or returns nil. The fake's
// lock is held.
func (s *store) tokenWith(accountID, id string) *apiToken {
	for _, t := range s.tokens {
		if t.accountID == accountID && t.id == id {
			return t
		}
	}
	return nil
}
