package agents

import (
	"net/url"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/internal/params"
	"github.com/prefactordev/prefactor-go/resources/list"
)

// CreateParams describes a new agent.
type CreateParams struct {
	Name               string `json:"name"`                         // display name; required
	Description        string `json:"description,omitzero"`         // displayed description
	ExternalIdentifier string `json:"external_identifier,omitzero"` // your own id for the agent, which can't be changed
	ID                 string `json:"id,omitzero"`                  // your choice, in the API's id format with the account's partition; "" lets the server choose
	OwnerPersonID      string `json:"owner_person_id,omitzero"`     // who is responsible
	TeamID             string `json:"team_id,omitzero"`
	RiskProfileID      string `json:"risk_profile_id,omitzero"`
}

// Validate implements [transport.Validator]: the name must be set.
func (p CreateParams) Validate() error { return params.Required("name", p.Name) }

// UpdateParams says what changes in an agent. A field has one of three things: a new
// value, [To]; nothing, [Clear]; or what it had, the zero [Change].
type UpdateParams struct {
	Name          Change `json:"name,omitzero"` // can't be cleared
	Description   Change `json:"description,omitzero"`
	OwnerPersonID Change `json:"owner_person_id,omitzero"`
	TeamID        Change `json:"team_id,omitzero"`
	RiskProfileID Change `json:"risk_profile_id,omitzero"`
}

// Validate implements [transport.Validator]: something must change, and the name
// can't be cleared.
func (p UpdateParams) Validate() error {
	switch {
	case p == UpdateParams{}:
		return &errs.ClientError{Field: "UpdateParams", Problem: "change nothing: set a field with agents.To or agents.Clear"}
	case p.Name.clears():
		return &errs.ClientError{Field: "name", Problem: "can't be cleared: an agent has a name"}
	}
	return nil
}

// ShowParams names an agent by its id or by your own id for it, and says what its
// record includes.
type ShowParams struct {
	AgentID            string // this or ExternalIdentifier
	ExternalIdentifier string // your own id for the agent
	EnvironmentID      string // whose runs count; "" for all
	IncludeCounts      bool   // InstanceCounts
	IncludeRiskRollup  bool   // RiskRollup
}

// Validate implements [transport.Validator]: one of the two ids must be set.
func (p ShowParams) Validate() error {
	return params.OneOfTwo("agent_id", p.AgentID, "external_identifier", p.ExternalIdentifier)
}

func (p ShowParams) query() url.Values {
	return params.Query(
		"agent_id", p.AgentID, "external_identifier", p.ExternalIdentifier, "environment_id", p.EnvironmentID,
		"include_counts", params.Flag(p.IncludeCounts), "include_risk_rollup", params.Flag(p.IncludeRiskRollup))
}

// None is the value of a filter for agents that have none of what it filters by.
const None = "null"

// ListParams chooses the agents of a list. A filter that is "" lets all pass, and
// [None] those that have no value.
type ListParams struct {
	list.Params
	OwnerPersonID string
	TeamID        string
	RiskProfileID string
	EnvironmentID string // for APIs in which an agent belongs to one environment
}

func (p ListParams) query() url.Values {
	return params.Query("owner_person_id", p.OwnerPersonID, "team_id", p.TeamID, "risk_profile_id", p.RiskProfileID, "environment_id", p.EnvironmentID)
}

// createBody is the body of agents.create.
type createBody struct {
	Details CreateParams `json:"details"`
}

// Validate implements [transport.Validator].
func (b createBody) Validate() error { return b.Details.Validate() }

// updateBody is the body of agents.update.
type updateBody struct {
	Details UpdateParams `json:"details"`
}

// Validate implements [transport.Validator].
func (b updateBody) Validate() error { return b.Details.Validate() }
