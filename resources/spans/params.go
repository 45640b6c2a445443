package spans

import (
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// CreateParams describes a new span. A payload is any value that encodes to a
// JSON object by the rules of encoding/json/v2: a map, a struct, or JSON text as
// a [rawjson.Object]. Bytes that aren't UTF-8 become U+FFFD. By these rules a
// [time.Duration] has no form unless its field's tag gives one.
//
// [rawjson.Object]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/transport/rawjson#Object
type CreateParams struct {
	AgentInstanceID   string    `json:"agent_instance_id"`           // the run that it is a step of; required
	SchemaName        string    `json:"schema_name"`                 // type of the step, such as "app:llm"; required
	Status            Status    `json:"status"`                      // "" for Active
	Payload           any       `json:"payload"`                     // what went in; nil for {}
	ResultPayload     any       `json:"result_payload,omitzero"`     // what came out; only of a span that has ended
	ID                string    `json:"id,omitzero"`                 // chosen by you, in the API's id format; "" lets the server choose
	ParentSpanID      string    `json:"parent_span_id,omitzero"`     // the server's id of the step that this one is part of
	StartedAt         time.Time `json:"started_at,omitzero"`         // zero for now
	FinishedAt        time.Time `json:"finished_at,omitzero"`        // zero for now, in a span that has ended
	SensitiveEncoding bool      `json:"sensitive_encoding,omitzero"` // asks the server to encode the values that are marked as sensitive
}

// FinishParams says how a span ends.
type FinishParams struct {
	Status            Status    `json:"status,omitzero"`             // Complete, Failed or, for a pending span, Cancelled; "" for Complete
	ResultPayload     any       `json:"result_payload,omitzero"`     // what came out, as in CreateParams
	Timestamp         time.Time `json:"timestamp,omitzero"`          // when it ended; zero for now
	SensitiveEncoding bool      `json:"sensitive_encoding,omitzero"` // asks the server to encode the values that are marked as sensitive
}

// createBody is the body of agent_spans.create.
type createBody struct {
	Details CreateParams `json:"details"`
}

// Validate implements [transport.Validator].
func (b createBody) Validate() error { return b.Details.Validate() }

// WithDefaults returns the params as they are sent, with the defaults of this
// package filled in and the payloads encoded.
func (p CreateParams) WithDefaults() CreateParams {
	if p.Status == "" {
		p.Status = Active
	}
	if p.Payload = rawjson.Encoded(p.Payload); p.Payload == nil {
		p.Payload = rawjson.Object("{}")
	}
	p.ResultPayload = rawjson.Encoded(p.ResultPayload)
	return p
}

// WithDefaults returns the params as they are sent, with the payload encoded.
func (p FinishParams) WithDefaults() FinishParams {
	p.ResultPayload = rawjson.Encoded(p.ResultPayload)
	return p
}

// Validate implements [transport.Validator]: what is required must be there, the
// status must be one that the API documents, and payloads must be JSON objects,
// that of the result only on a span that has ended.
func (p CreateParams) Validate() error {
	switch {
	case p.AgentInstanceID == "":
		return &errs.ClientError{Field: "agent_instance_id", Problem: "is required"}
	case p.SchemaName == "":
		return &errs.ClientError{Field: "schema_name", Problem: "is required"}
	case p.Status != "" && !p.Status.Known():
		return &errs.ClientError{Field: "status", Problem: "must be pending, active, complete, failed or cancelled, or be left out for active"}
	case p.ResultPayload != nil && !p.Status.ended():
		return &errs.ClientError{Field: "result_payload", Problem: "is only for a span that has ended: give it when the span is finished, or create the span complete, failed or cancelled"}
	}
	if err := rawjson.CheckObject("payload", p.Payload); err != nil {
		return err
	}
	return rawjson.CheckObject("result_payload", p.ResultPayload)
}

// Validate implements [transport.Validator]: the status must be one that a span
// can end in, and the result's payload a JSON object. Whether the span may end
// so is up to the server: Cancelled is for pending spans, Complete and Failed for
// active ones.
func (p FinishParams) Validate() error {
	if p.Status != "" && !p.Status.ended() {
		return &errs.ClientError{Field: "status", Problem: "must be complete, failed or cancelled, or be left out for complete"}
	}
	return rawjson.CheckObject("result_payload", p.ResultPayload)
}
