package instances

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

var agentContext = transport.NewOp[contextDocument]("agent_instances.agent_context", http.MethodGet, "/agent_instance/{id}/agent_context")

// AgentContext is a run as one JSON object, for a debugger or for another agent to
// read. The API doesn't document its members.
type AgentContext struct {
	Body        rawjson.Object `json:"body"`
	GeneratedAt time.Time      `json:"generated_at"`
	SpanCount   int64          `json:"span_count"` // spans in Body
}

// AgentContext returns a run as one JSON object.
func (s *Service) AgentContext(ctx context.Context, id string, options ...transport.Option) (*AgentContext, error) {
	document, err := agentContext.Do(ctx, s.via(), transport.Input{Values: []string{id}}, options...)
	if err != nil {
		return nil, err
	}
	return document.AgentContext, nil
}

// contextDocument is the document of agent_instances.agent_context.
type contextDocument struct {
	AgentContext *AgentContext `json:"agent_context"`
}

// Check implements [transport.Checker].
func (d *contextDocument) Check(jsontext.Value) error {
	if d.AgentContext == nil {
		return errors.New("its document has no agent_context")
	}
	return nil
}
