package spans

import (
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

// CreateParams describes a new span.
type CreateParams struct {
	AgentInstanceID string    `json:"agent_instance_id"`       // the run that it is a step of; required
	SchemaName      string    `json:"schema_name"`             // type of the step, such as "llm"; required
	Status          Status    `json:"status"`                  // "" for Active
	Payload         any       `json:"payload"`                 // what went in: any value that encodes to a JSON object; nil for {}
	ResultPayload   any       `json:"result_payload,omitzero"` // what came out, as Payload; only of a span that has ended
	ID              string    `json:"id,omitzero"`             // chosen by you, in the API's id format; "" lets the server choose
	ParentSpanID    string    `json:"parent_span_id,omitzero"` // the server's id of the step that this one is part of
	StartedAt       time.Time `json:"started_at,omitzero"`     // zero for now
	FinishedAt      time.Time `json:"finished_at,omitzero"`    // zero for now, in a span that has ended
}

// FinishParams says how a span ends.
type FinishParams struct {
	Status        Status    `json:"status,omitzero"`         // Complete, Failed or Cancelled; "" for Complete
	ResultPayload any       `json:"result_payload,omitzero"` // what came out: any value that encodes to a JSON object
	Timestamp     time.Time `json:"timestamp,omitzero"`      // when it ended; zero for now
}

// createBody is the body of agent_spans.create.
type createBody struct {
	Details CreateParams `json:"details"`
}

// Validate implements [transport.Validator].
func (b createBody) Validate() error { return b.Details.Validate() }

// Validate implements [transport.Validator]: what is required must be there.
func (p CreateParams) Validate() error {
	switch {
	case p.AgentInstanceID == "":
		return &errs.ClientError{Field: "agent_instance_id", Problem: "is required"}
	case p.SchemaName == "":
		return &errs.ClientError{Field: "schema_name", Problem: "is required"}
	}
	return nil
}

// Validate implements [transport.Validator]: the status must be one that a span
// can end in.
func (p FinishParams) Validate() error {
	switch p.Status {
	case "", Complete, Failed, Cancelled:
		return nil
	}
	return &errs.ClientError{Field: "status", Problem: "must be complete, failed or cancelled, or be left out for complete"}
}
