package instances

import (
	"net/url"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/internal/params"
	"github.com/prefactordev/prefactor-go/resources/list"
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

	// RuntimeEnvironment is what the code runs on. nil means what CurrentRuntime
	// returns for the adapters of the Service; a pointer to a zero one leaves it out.
	RuntimeEnvironment *RuntimeEnvironment `json:"runtime_environment,omitzero"`
}

// StartParams says how an instance starts. A zero time is that of the call.
type StartParams struct {
	Timestamp time.Time `json:"timestamp,omitzero"` // when the instance started
}

// FinishParams says how an instance ends. A zero time is that of the call.
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
		if version.RuntimeEnvironment == nil {
			version.RuntimeEnvironment = CurrentRuntime()
		}
		p.AgentVersion = &version
	}
	if p.AgentSchemaVersion != nil {
		p.AgentSchemaVersion = p.AgentSchemaVersion.encoded()
	}
	return p
}

// WithDefaults returns the params as they are sent, with the time filled in.
func (p StartParams) WithDefaults() StartParams {
	p.Timestamp = params.OrNow(p.Timestamp)
	return p
}

// WithDefaults returns the params as they are sent, with the time filled in.
func (p FinishParams) WithDefaults() FinishParams {
	p.Timestamp = params.OrNow(p.Timestamp)
	return p
}

// Validate implements [transport.Validator]: the schema version must be valid. The
// error joins all that is wrong.
func (p RegisterParams) Validate() error {
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

// TerminateParams says why a run is stopped from outside. A zero time is that of the
// call.
type TerminateParams struct {
	Reason    string    `json:"reason"`             // for people; required
	Timestamp time.Time `json:"timestamp,omitzero"` // when the run was stopped
}

// WithDefaults returns the params as they are sent, with the time filled in.
func (p TerminateParams) WithDefaults() TerminateParams {
	p.Timestamp = params.OrNow(p.Timestamp)
	return p
}

// Validate implements [transport.Validator]: the reason must be set.
func (p TerminateParams) Validate() error { return params.Required("reason", p.Reason) }

// ShowParams names an instance by its id or by your own id for it, and says what its
// record includes.
type ShowParams struct {
	InstanceID         string // this or ExternalIdentifier
	ExternalIdentifier string // your own id for the run
	IncludeCounts      bool   // SpanCounts and SpanSchemaCounts
	IncludeCosts       bool   // CostBreakdown
	IncludeRiskScore   bool   // RiskScore
	IncludeAlertCount  bool   // RaisedAlertCount
}

// Validate implements [transport.Validator]: one of the two ids must be set.
func (p ShowParams) Validate() error {
	return params.OneOfTwo("agent_instance_id", p.InstanceID, "external_identifier", p.ExternalIdentifier)
}

func (p ShowParams) query() url.Values {
	return params.Query(
		"agent_instance_id", p.InstanceID, "external_identifier", p.ExternalIdentifier,
		"include_counts", params.Flag(p.IncludeCounts), "include_costs", params.Flag(p.IncludeCosts),
		"include_risk_score", params.Flag(p.IncludeRiskScore), "include_alert_count", params.Flag(p.IncludeAlertCount))
}

// ListParams chooses the instances of a list. The API has no filter for times or
// statuses.
type ListParams struct {
	list.Params
	AgentID        string // whose runs; the API is known to need it
	AgentVersionID string // of which version; "" for all
}

func (p ListParams) query() url.Values {
	return params.Query("agent_id", p.AgentID, "agent_version_id", p.AgentVersionID)
}
