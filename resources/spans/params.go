package spans

import (
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// CreateParams describes a new span. A payload is any value that encodes to a
// JSON object, as [rawjson.Encode] does it: a map, a struct, or JSON text as a
// [rawjson.Object].
//
// A zero time is left out, and the server uses the time at which it gets the
// request.
//
// [rawjson.Encode]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/transport/rawjson#Encode
// [rawjson.Object]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/transport/rawjson#Object
type CreateParams struct {
	AgentInstanceID   string    `json:"agent_instance_id"`           // the run that the span is a step of; required
	SchemaName        string    `json:"schema_name"`                 // type of the step, such as "app:llm"; required
	Status            Status    `json:"status"`                      // "" means Active
	Payload           any       `json:"payload"`                     // input of the step; nil means {}
	ResultPayload     any       `json:"result_payload,omitzero"`     // output of the step; only for a span that has ended
	ID                string    `json:"id,omitzero"`                 // your choice, in the API's id format; "" lets the server choose
	ParentSpanID      string    `json:"parent_span_id,omitzero"`     // the API's id of the span that this one is part of
	StartedAt         time.Time `json:"started_at,omitzero"`         // the server ignores it for a pending span
	FinishedAt        time.Time `json:"finished_at,omitzero"`        // only for a span that has ended
	SensitiveEncoding bool      `json:"sensitive_encoding,omitzero"` // asks the server to encode the values that are marked as sensitive
}

// FinishParams says how a span ends. A zero time is left out, and the server uses
// the time at which it gets the request.
type FinishParams struct {
	Status            Status    `json:"status,omitzero"`             // Complete, Failed or, for a pending span, Cancelled; "" means Complete
	ResultPayload     any       `json:"result_payload,omitzero"`     // output of the step, encoded as in CreateParams
	Timestamp         time.Time `json:"timestamp,omitzero"`          // when the span ended
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

// Validate implements [transport.Validator]: required fields must be set, the
// status must be one that the API documents, payloads must be JSON objects, and
// only a span that has ended may have a result payload.
func (p CreateParams) Validate() error {
	switch {
	case p.AgentInstanceID == "":
		return &errs.ClientError{Field: "agent_instance_id", Problem: "is required"}
	case p.SchemaName == "":
		return &errs.ClientError{Field: "schema_name", Problem: "is required"}
	case p.Status != "" && !p.Status.Known():
		return &errs.ClientError{Field: "status", Problem: "must be pending, active, complete, failed or cancelled, or empty for active"}
	case p.ResultPayload != nil && !p.Status.ended():
		return &errs.ClientError{Field: "result_payload", Problem: "is only for a span that has ended: set it when you finish the span, or create the span as complete, failed or cancelled"}
	}
	if err := rawjson.CheckObject("payload", p.Payload); err != nil {
		return err
	}
	return rawjson.CheckObject("result_payload", p.ResultPayload)
}

// Validate implements [transport.Validator]: the status must be one that a span
// can end in, and the result payload must be a JSON object. The server checks the
// status against that of the span: Cancelled is for pending spans, Complete and
// Failed are for active ones.
func (p FinishParams) Validate() error {
	if p.Status != "" && !p.Status.ended() {
		return &errs.ClientError{Field: "status", Problem: "must be complete, failed or cancelled, or empty for complete"}
	}
	return rawjson.CheckObject("result_payload", p.ResultPayload)
}
