package instances

import (
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// RegisterParams describes a new instance. All fields may be left out with a
// token of deployment scope, which knows its agent and environment; a token of
// account scope needs AgentID and, as a rule, EnvironmentID.
type RegisterParams struct {
	AgentID            string              `json:"agent_id,omitzero"`             // the agent that runs
	EnvironmentID      string              `json:"environment_id,omitzero"`       // where it runs
	ID                 string              `json:"id,omitzero"`                   // chosen by you, in the API's id format; "" lets the server choose
	ExternalIdentifier string              `json:"external_identifier,omitzero"`  // your own id for the run, unique for its agent
	Purpose            Purpose             `json:"purpose,omitzero"`              // "" for Live
	AgentVersion       *AgentVersion       `json:"agent_version,omitzero"`        // version of the agent's code
	AgentSchemaVersion *AgentSchemaVersion `json:"agent_schema_version,omitzero"` // version of its spans' schemas

	// UpdateCurrentVersion says whether the deployment's current version becomes
	// the one given here. Nil is true, as in the Python client; new(false) leaves
	// the deployment alone.
	UpdateCurrentVersion *bool `json:"update_current_version,omitzero"`
}

// AgentVersion is the version of an agent's code. A version that the server
// doesn't know is made.
type AgentVersion struct {
	ExternalIdentifier string `json:"external_identifier,omitzero"` // your own name for the version
	Name               string `json:"name,omitzero"`                // shown name of the agent
	Description        string `json:"description,omitzero"`         // shown description of the agent
	RuntimeEnvironment any    `json:"runtime_environment,omitzero"` // where the code runs: any value that encodes to a JSON object
}

// StartParams says how an instance starts.
type StartParams struct {
	Timestamp time.Time `json:"timestamp,omitzero"` // when it started; zero for now
}

// FinishParams says how an instance ends.
type FinishParams struct {
	Status    Status    `json:"status,omitzero"`    // Complete, Failed or, for one that never started, Cancelled; "" for Complete
	Timestamp time.Time `json:"timestamp,omitzero"` // when it ended; zero for now
}

// WithDefaults returns the params as they are sent, with the defaults of this
// package filled in and the schemas encoded.
func (p RegisterParams) WithDefaults() RegisterParams {
	if p.UpdateCurrentVersion == nil {
		p.UpdateCurrentVersion = new(true)
	}
	if p.AgentVersion != nil {
		version := *p.AgentVersion
		version.RuntimeEnvironment = rawjson.Encoded(version.RuntimeEnvironment)
		p.AgentVersion = &version
	}
	if p.AgentSchemaVersion != nil {
		p.AgentSchemaVersion = p.AgentSchemaVersion.encoded()
	}
	return p
}

// Validate implements [transport.Validator]: what describes schemas must be
// whole.
func (p RegisterParams) Validate() error {
	if p.AgentVersion != nil {
		if err := rawjson.CheckObject("agent_version.runtime_environment", p.AgentVersion.RuntimeEnvironment); err != nil {
			return err
		}
	}
	if p.AgentSchemaVersion == nil {
		return nil
	}
	return rawjson.Within("agent_schema_version", p.AgentSchemaVersion.Validate())
}

// Validate implements [transport.Validator]: the status must be one that an
// instance can end in. Whether the instance may end so is up to the server:
// Cancelled is for pending instances, Complete and Failed for active ones.
func (p FinishParams) Validate() error {
	switch p.Status {
	case "", Complete, Failed, Cancelled:
		return nil
	}
	return &errs.ClientError{Field: "status", Problem: "must be complete, failed or cancelled, or be left out for complete"}
}
