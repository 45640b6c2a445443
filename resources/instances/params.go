package instances

import (
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

// RegisterParams describes a new instance.
type RegisterParams struct {
	AgentID            string              `json:"agent_id,omitzero"`       // not needed with a token of deployment scope
	EnvironmentID      string              `json:"environment_id,omitzero"` // not needed with a token of deployment scope
	AgentVersion       *AgentVersion       `json:"agent_version,omitzero"`
	AgentSchemaVersion *AgentSchemaVersion `json:"agent_schema_version,omitzero"`
}

// AgentVersion names the version of the agent's code.
type AgentVersion struct {
	ExternalIdentifier string `json:"external_identifier,omitzero"` // your own name for the version
	Name               string `json:"name,omitzero"`                // shown name of the agent
	Description        string `json:"description,omitzero"`         // shown description of the agent
}

// AgentSchemaVersion names the version of the schemas of the agent's spans.
type AgentSchemaVersion struct {
	ExternalIdentifier string `json:"external_identifier,omitzero"` // your own name for the version
}

// StartParams says how an instance starts.
type StartParams struct {
	Timestamp time.Time `json:"timestamp,omitzero"` // when it started; zero for now
}

// FinishParams says how an instance ends.
type FinishParams struct {
	Status    Status    `json:"status,omitzero"`    // Complete, Failed or Cancelled; "" for Complete
	Timestamp time.Time `json:"timestamp,omitzero"` // when it ended; zero for now
}

// Validate implements [transport.Validator]: the status must be one that an
// instance can end in.
func (p FinishParams) Validate() error {
	switch p.Status {
	case "", Complete, Failed, Cancelled:
		return nil
	}
	return &errs.ClientError{Field: "status", Problem: "must be complete, failed or cancelled, or be left out for complete"}
}
