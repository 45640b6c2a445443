package instances

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/transport"
)

// Instance is one run of an agent, as the API tells it. A field that the answer
// lacks, or has as null, is zero: not every answer has every field.
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
	TerminationReason  string    `json:"termination_reason,omitzero"` // why it was ended from outside
	InsertedAt         time.Time `json:"inserted_at,omitzero"`
	UpdatedAt          time.Time `json:"updated_at,omitzero"`
	StartedAt          time.Time `json:"started_at,omitzero"`  // zero before the start
	FinishedAt         time.Time `json:"finished_at,omitzero"` // zero before the end

	SpanCounts       *SpanCounts      `json:"span_counts,omitzero"`        // nil if the answer has none
	SpanSchemaCounts transport.Object `json:"span_schema_counts,omitzero"` // spans by schema
	RiskScore        *float64         `json:"risk_score,omitzero"`         // nil if the run wasn't scored
	CostBreakdown    transport.Object `json:"cost_breakdown,omitzero"`

	QualityPayloads  map[string]transport.Object `json:"quality_payloads,omitzero"`  // what was recorded, by name of its schema
	QualitySummaries map[string]string           `json:"quality_summaries,omitzero"` // the same as text

	raw transport.Raw
}

// SpanCounts is how many spans an instance has, by status.
type SpanCounts struct {
	Total     int64 `json:"total"`
	Pending   int64 `json:"pending"`
	Active    int64 `json:"active"`
	Complete  int64 `json:"complete"`
	Failed    int64 `json:"failed"`
	Cancelled int64 `json:"cancelled"`
	Finished  int64 `json:"finished"` // Complete, Failed and Cancelled together
}

// Raw returns the JSON object that the instance was decoded from, unknown
// members included; nil for an Instance that came from elsewhere. It is a part
// of the answer's bytes, not a copy, and must not be changed.
func (i *Instance) Raw() jsontext.Value { return i.raw.Value() }

// Document returns the whole document of the answer that held the instance, with
// what stood beside it, as Raw does.
func (i *Instance) Document() jsontext.Value { return i.raw.Document() }

var _ transport.DocumentUnmarshaler = (*Instance)(nil)

// UnmarshalDocument reads the instance from the whole document of an answer,
// which it keeps. The error is the document's own, or an [errs.ContractError] if
// it holds no instance.
//
// [errs.ContractError]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/errs#ContractError
func (i *Instance) UnmarshalDocument(document jsontext.Value) error {
	a, err := transport.DecodeDocument[answer](document)
	if err != nil {
		return err
	}
	*i = *a.Details
	return nil
}

// answer is the document of an operation that answers with one instance.
type answer struct {
	Details *Instance `json:"details"`
}

var _ transport.Checker = (*answer)(nil)

// Check implements [transport.Checker].
func (a *answer) Check(document jsontext.Value) error {
	if a.Details == nil || a.Details.ID == "" {
		return errors.New("its document has no details of an instance")
	}
	a.Details.raw = transport.RawAt(document, "/details")
	return nil
}
