package prefactortest

const (
	// Token is accepted by every fake: it may do everything in the account
	// [AccountID].
	Token = "test-token"
	// BadToken is refused by every fake, whatever it was granted.
	BadToken = "bad"
)

// A Grant is what a token may do. The zero Grant is an account token of
// [AccountID] that may do everything.
type Grant struct {
	// AccountID is the account of the token; empty is [AccountID]. What
	// belongs to one account is 404 to another.
	AccountID string
	// AgentID makes a deployment token: it sees one agent, and a
	// registration may omit the agent's id. EnvironmentID, with it, narrows
	// the token to one environment, which a registration may omit too.
	AgentID, EnvironmentID string
	// Ingestion makes a token that writes instances and spans and polls an
	// instance's status, and is refused with 401 elsewhere.
	Ingestion bool
}

// allows is nil where the grant may call op.
func (g Grant) allows(op *operation) *failure {
	switch {
	case g.Ingestion && !op.ingestion:
		return &failure{status: 401, code: "bad_authtoken", message: "An ingestion token may not call " + op.name}
	case g.AgentID != "" && op.accountOnly:
		return &failure{status: 403, code: "forbidden", message: "A deployment token may not call " + op.name}
	}
	return nil
}

// sees tells whether something of the account, agent and environment is
// visible to the grant. An empty environment is visible in all of them.
func (g Grant) sees(account, agent, environment string) bool {
	if g.AccountID != account {
		return false
	}
	if g.AgentID == "" {
		return true
	}
	return g.AgentID == agent && (environment == "" || g.EnvironmentID == "" || g.EnvironmentID == environment)
}
