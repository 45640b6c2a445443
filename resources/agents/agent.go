package agents

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// Agent is an agent as the API returns it. Not every response has every field; one
// that is absent or null is zero.
type Agent struct {
	Type               string            `json:"type,omitzero"` // "agent"
	ID                 string            `json:"id"`
	AccountID          string            `json:"account_id,omitzero"`
	Name               string            `json:"name,omitzero"`
	Description        string            `json:"description,omitzero"`
	ExternalIdentifier string            `json:"external_identifier,omitzero"` // your own id for the agent
	Status             Status            `json:"status,omitzero"`
	OwnerPersonID      string            `json:"owner_person_id,omitzero"`
	TeamID             string            `json:"team_id,omitzero"`
	RiskProfileID      string            `json:"risk_profile_id,omitzero"`   // a list's rows have none
	InstanceCounts     *InstanceCounts   `json:"instance_counts,omitzero"`   // nil if the response has none
	AvailableActions   *AvailableActions `json:"available_actions,omitzero"` // nil if the response has none
	LastActivitySpanAt time.Time         `json:"last_activity_span_at,omitzero"`
	InsertedAt         time.Time         `json:"inserted_at,omitzero"`
	UpdatedAt          time.Time         `json:"updated_at,omitzero"`

	// RiskRollup is the risk of the agent's runs, beside the agent in the response to
	// Show with IncludeRiskRollup; nil in all others.
	RiskRollup *RiskRollup `json:"-"`

	// Source leads to the JSON that the agent was decoded from: Raw and Document.
	rawjson.Source `json:"-"`
}

// InstanceCounts is the number of instances of an agent, by status.
type InstanceCounts struct {
	Total      int64 `json:"total"`
	Pending    int64 `json:"pending"`
	Active     int64 `json:"active"`
	Complete   int64 `json:"complete"`
	Failed     int64 `json:"failed"`
	Cancelled  int64 `json:"cancelled"`
	Terminated int64 `json:"terminated"`
	Finished   int64 `json:"finished"` // all that have ended
}

// AvailableActions says what may be done with an agent in its status.
type AvailableActions struct {
	Update    bool `json:"update"`
	Retire    bool `json:"retire"`
	Reinstate bool `json:"reinstate"`
	Delete    bool `json:"delete"`
}

// RiskRollup is the risk of an agent's runs: as its spans show it, and as the
// schemas of its spans allow it.
type RiskRollup struct {
	Observed    *Risk `json:"observed_risk"`    // nil if nothing is known
	Theoretical *Risk `json:"theoretical_risk"` // nil if nothing is known
}

// Risk is how sensitive the data of an agent's spans is.
type Risk struct {
	HighestClassification      string           `json:"highest_classification"` // such as "confidential"
	ClassificationCounts       map[string]int64 `json:"classification_counts"`  // number of span types, by classification
	AllDataCategories          []string         `json:"all_data_categories"`
	ExternalCommunicationCount int64            `json:"external_communication_count"`
	TotalSpanTypes             int64            `json:"total_span_types"`
	AssessedSpanTypes          int64            `json:"assessed_span_types"`
	UnassessedSpanTypes        int64            `json:"unassessed_span_types"`
}

var _ transport.Checker = (*Agent)(nil)

// Check implements [transport.Checker]. It also sets RiskRollup and Source from the
// response's document.
func (a *Agent) Check(document jsontext.Value) error {
	if a.ID == "" {
		return errors.New("its document has no agent under details")
	}
	a.SetSource(document, "/details")
	if rollup := rawjson.At(document, "/risk_rollup").Raw(); rollup.Kind() == '{' {
		a.RiskRollup = new(RiskRollup)
		return rawjson.Decode(rollup, a.RiskRollup)
	}
	return nil
}
