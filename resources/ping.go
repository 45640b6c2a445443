package resources

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/transport"
)

var ping = transport.NewOp[pinged]("ping", http.MethodGet, "/ping")

// Token is what the API says of a token. An absent field is zero.
type Token struct {
	Type    string `json:"token_type"` // such as "api_session_agent_deployment_scope"
	AgentID string `json:"agent_id"`   // the agent whose runs a token of deployment scope records; "" for any other token
}

// pinged is the document of ping.
type pinged struct {
	Details Token `json:"details"`
}

// Check implements [transport.Checker]. The API has taken the token, whatever it says
// of it.
func (*pinged) Check(jsontext.Value) error { return nil }

// Ping checks that the API can be reached and takes the token, and returns what the
// API says of the token. A token that it doesn't take is an [errs.AuthError].
func (a *API) Ping(ctx context.Context, options ...transport.Option) (Token, error) {
	if a == nil {
		a = new(API) // whose calls fail
	}
	found, err := ping.Do(ctx, a.Client, transport.Input{}, options...)
	if err != nil {
		return Token{}, err
	}
	return found.Details, nil
}
