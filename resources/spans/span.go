package spans

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// Span is one step of an agent's run, as the API returns it. Not every response has
// every field; one that is absent or null is zero.
type Span struct {
	Type                    string         `json:"type,omitzero"` // "agent_span"
	ID                      string         `json:"id"`
	AccountID               string         `json:"account_id,omitzero"`
	AgentID                 string         `json:"agent_id,omitzero"`
	AgentInstanceID         string         `json:"agent_instance_id,omitzero"`
	ParentSpanID            string         `json:"parent_span_id,omitzero"` // "" for a root span
	SchemaName              string         `json:"schema_name,omitzero"`
	SchemaTitle             string         `json:"schema_title,omitzero"`
	Purpose                 Purpose        `json:"purpose,omitzero"` // what the span records
	Status                  Status         `json:"status,omitzero"`
	Payload                 rawjson.Object `json:"payload,omitzero"`
	ResultPayload           rawjson.Object `json:"result_payload,omitzero"` // nil before the end
	PayloadByteSizeEstimate int64          `json:"payload_byte_size_estimate,omitzero"`
	SensitiveEncoding       bool           `json:"sensitive_encoding,omitzero"` // marked values were encoded
	Summary                 string         `json:"summary,omitzero"`            // text made by the schema's template
	RiskLevel               RiskLevel      `json:"risk_level,omitzero"`         // "" if the span wasn't rated
	RiskScore               *float64       `json:"risk_score,omitzero"`         // nil if the span wasn't scored
	DataRisk                rawjson.Object `json:"data_risk,omitzero"`          // what the span's type may do and hold
	InsertedAt              time.Time      `json:"inserted_at,omitzero"`
	UpdatedAt               time.Time      `json:"updated_at,omitzero"`
	StartedAt               time.Time      `json:"started_at,omitzero"`  // zero while pending
	FinishedAt              time.Time      `json:"finished_at,omitzero"` // zero before the end

	// Control is what the server says to the run, beside the span in the response to
	// a write; nil if it says nothing.
	Control *transport.Control `json:"-"`

	// Source leads to the JSON that the span was decoded from: Raw and Document.
	rawjson.Source `json:"-"`
}

var _ transport.Checker = (*Span)(nil)

// Check implements [transport.Checker]. It also sets Control and Source from the
// response's document.
func (s *Span) Check(document jsontext.Value) error {
	if s.ID == "" {
		return errors.New("its document has no span under details")
	}
	s.Control = transport.ControlIn(document)
	s.SetSource(document, "/details")
	return nil
}
