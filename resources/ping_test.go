package resources_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/internal/wiretest"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestPingSaysWhatTheTokenIs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, document string
		want           resources.Token
	}{
		{"of an agent's deployment", `{"status":"success","details":{"token_type":"api_session_agent_deployment_scope","agent_id":"agent-1","new":1}}`,
			resources.Token{Type: "api_session_agent_deployment_scope", AgentID: "agent-1"}},
		{"of an account", `{"status":"success","details":{"token_type":"api_session_account_scope","agent_id":null}}`, resources.Token{Type: "api_session_account_scope"}},
		{"without details", `{"status":"success"}`, resources.Token{}},
		{"with null details", `{"details":null}`, resources.Token{}},
		{"with odd members", `{"details":{"token_type":7,"agent_id":"agent-1"}}`, resources.Token{AgentID: "agent-1"}},
		{"with odd details", `{"details":"ok"}`, resources.Token{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client, fake := wiretest.Answering(t, tt.document)
			got, err := resources.New(client).Ping(t.Context(), transport.WithIdempotencyKey(wiretest.Key))
			if err != nil || got != tt.want {
				t.Errorf("got %+v, %v; want %+v", got, err, tt.want)
			}
			wiretest.CheckSent(t, fake.Journal()[0], http.MethodGet, "/ping", "")
		})
	}
}

func TestPingChecksTheToken(t *testing.T) {
	t.Parallel()
	fake := prefactortest.New(prefactortest.Strict(), prefactortest.WithToken("pf_agent", prefactortest.Grant{AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID}))
	for _, tt := range []struct{ token, agentID string }{{prefactortest.Token, ""}, {"pf_agent", prefactortest.AgentID}} {
		api := open(t, fake, func(cfg *middleware.Config) { cfg.APIToken = transport.NewSecret(tt.token) })
		if got, err := api.Ping(t.Context()); err != nil || got.Type == "" || got.AgentID != tt.agentID {
			t.Errorf("%s: %+v, %v", tt.token, got, err)
		}
	}
	refused := open(t, fake, func(cfg *middleware.Config) { cfg.APIToken = transport.NewSecret("pf_wrong") })
	if got, err := refused.Ping(t.Context()); !errors.Is(err, errs.ErrAuth) || got != (resources.Token{}) {
		t.Errorf("a wrong token: %+v, %v", got, err)
	}
}
