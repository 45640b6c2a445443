package instances

import (
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// RegisterParams describes a new instance. With a token of deployment scope, which
// determines the agent and the environment, all fields may be left out. With a token
// of account scope AgentID is required and, as a rule, EnvironmentID.
type RegisterParams struct {
	AgentID            string              `json:"agent_id,omitzero"`             // the agent that runs
	EnvironmentID      string              `json:"environment_id,omitzero"`       // where it runs
	ID                 string              `json:"id,omitzero"`                   // your choice, in the API's id format; "" lets the server choose
	ExternalIdentifier string              `json:"external_identifier,omitzero"`  // your own id for the run, unique for its agent
	Purpose            Purpose             `json:"purpose,omitzero"`              // "" means Live
	AgentVersion       *AgentVersion       `json:"agent_version,omitzero"`        // version of the agent's code
	AgentSchemaVersion *AgentSchemaVersion `json:"agent_schema_version,omitzero"` // version of the schemas of its spans

	// UpdateCurrentVersion says whether the version given here becomes the
	// deployment's current one. nil means true, as in the Python client; new(false)
	// leaves the deployment unchanged.
	UpdateCurrentVersion *bool `json:"update_current_version,omitzero"`
}

// AgentVersion is the version of an agent's code. The server creates a version that
// it doesn't know.
type AgentVersion struct {
	ExternalIdentifier string `json:"external_identifier,omitzero"` // your own name for the version
	Name               string `json:"name,omitzero"`                // display name of the agent
	Description        string `json:"description,omitzero"`         // displayed description of the agent
	RuntimeEnvironment any    `json:"runtime_environment,omitzero"` // where the code runs: any value that encodes to a JSON object
}

// StartParams says how an instance starts. A zero time is left out, and the server
// uses the time at which it gets the request.
type StartParams struct {
	Timestamp time.Time `json:"timestamp,omitzero"` // when the instance started
}

// FinishParams says how an instance ends. A zero time is left out, and the server
// uses the time at which it gets the request.
type FinishParams struct {
	Status    Status    `json:"status,omitzero"`    // Complete, Failed or, for a pending instance, Cancelled; "" means Complete
	Timestamp time.Time `json:"timestamp,omitzero"` // when the instance ended
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

// Validate implements [transport.Validator]: the runtime environment must be a JSON
// object, and the schema version must be valid.
func (p RegisterParams) Validate() error {
	if p.AgentVersion != nil {
		if err := rawjson.CheckObject("agent_version.runtime_environment", p.AgentVersion.RuntimeEnvironment); err != nil {
			return err
		}
	}
	return rawjson.Within("agent_schema_version", p.AgentSchemaVersion.Validate())
}

// Validate implements [transport.Validator]: the status must be one that an
// instance can end in. The server checks it against that of the instance: Cancelled
// is for pending instances, Complete and Failed are for active ones.
func (p FinishParams) Validate() error {
	switch p.Status {
	case "", Complete, Failed, Cancelled:
		return nil
	}
	return &errs.ClientError{Field: "status", Problem: "must be complete, failed or cancelled, or empty for complete"}
}
