package instances

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// Instance is one run of an agent, as the API returns it. Not every response has
// every field; one that is absent or null is zero.
type Instance struct {
	Type               string    `json:"type,omitzero"` // "agent_instance"
	ID                 string    `json:"id"`
	AccountID          string    `json:"account_id,omitzero"`
	AgentID            string    `json:"agent_id,omitzero"`
	AgentVersionID     string    `json:"agent_version_id,omitzero"`
	AgentDeploymentID  string    `json:"agent_deployment_id,omitzero"`
	EnvironmentID      string    `json:"environment_id,omitzero"`
	ExternalIdentifier string    `json:"external_identifier,omitzero"` // your own id for the run
	Purpose            Purpose   `json:"purpose,omitzero"`
	Status             Status    `json:"status,omitzero"`
	TerminationReason  string    `json:"termination_reason,omitzero"` // why the run was terminated
	InsertedAt         time.Time `json:"inserted_at,omitzero"`
	UpdatedAt          time.Time `json:"updated_at,omitzero"`
	StartedAt          time.Time `json:"started_at,omitzero"`  // zero before the start
	FinishedAt         time.Time `json:"finished_at,omitzero"` // zero before the end
	LastActivitySpanAt time.Time `json:"last_activity_span_at,omitzero"`

	RaisedAlertCount *int64            `json:"raised_alert_count,omitzero"` // nil if the response has none
	SpanCounts       *SpanCounts       `json:"span_counts,omitzero"`        // nil if the response has none
	SpanSchemaCounts *SpanSchemaCounts `json:"span_schema_counts,omitzero"` // nil if the response has none
	RiskScore        *RiskScore        `json:"risk_score,omitzero"`         // nil if the run wasn't scored
	CostBreakdown    *CostBreakdown    `json:"cost_breakdown,omitzero"`     // nil if nothing is known

	QualityPayloads  map[string]rawjson.Object `json:"quality_payloads,omitzero"`  // quality records, by name of their schema
	QualitySummaries map[string]string         `json:"quality_summaries,omitzero"` // summaries of these records

	// Source leads to the JSON that the instance was decoded from: Raw and Document.
	rawjson.Source `json:"-"`
}

// SpanCounts is the number of spans of an instance, by status.
type SpanCounts struct {
	Total     int64 `json:"total"`
	Pending   int64 `json:"pending"`
	Active    int64 `json:"active"`
	Complete  int64 `json:"complete"`
	Failed    int64 `json:"failed"`
	Cancelled int64 `json:"cancelled"`
	Finished  int64 `json:"finished"` // Complete, Failed and Cancelled together
}

// SpanSchemaCounts is the number of spans of an instance, by their schema.
type SpanSchemaCounts struct {
	ByName map[string]int64 `json:"by_name"`
}

var _ transport.Checker = (*Instance)(nil)

// Check implements [transport.Checker]. It also sets Source to the response's
// document.
func (i *Instance) Check(document jsontext.Value) error {
	if i.ID == "" {
		return errors.New("its document has no instance under details")
	}
	i.SetSource(document, "/details")
	return nil
}
