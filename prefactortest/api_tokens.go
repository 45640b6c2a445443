package prefactortest

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
