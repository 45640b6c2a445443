package spans

import (
	"errors"
	"net/url"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/internal/params"
	"github.com/prefactordev/prefactor-go/resources/list"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// CreateParams describes a new span. A payload is any value that encodes to a
// JSON object, as [rawjson.Encode] does it: a map, a struct, or JSON text as a
// [rawjson.Object].
//
// A zero time is that of the call, or FinishedAt for StartedAt.
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

// FinishParams says how a span ends. A zero time is that of the call.
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
	if p.Status.ended() {
		p.FinishedAt = params.OrNow(p.FinishedAt)
	}
	switch {
	case p.Status == Pending || !p.StartedAt.IsZero():
	case p.FinishedAt.IsZero():
		p.StartedAt = params.OrNow(p.StartedAt)
	default:
		p.StartedAt = p.FinishedAt
	}
	return p
}

// WithDefaults returns the params as they are sent, with the time filled in and the
// payload encoded.
func (p FinishParams) WithDefaults() FinishParams {
	p.ResultPayload = rawjson.Encoded(p.ResultPayload)
	p.Timestamp = params.OrNow(p.Timestamp)
	return p
}

// Validate implements [transport.Validator]: required fields must be set, the
// status must be one that the API documents, payloads must be JSON objects, and
// only a span that has ended may have a result payload. The error joins all that is
// wrong.
func (p CreateParams) Validate() error {
	return errors.Join(
		params.Required("agent_instance_id", p.AgentInstanceID),
		params.Required("schema_name", p.SchemaName),
		p.checkStatus(),
		rawjson.CheckObject("payload", p.Payload),
		rawjson.CheckObject("result_payload", p.ResultPayload))
}

func (p CreateParams) checkStatus() error {
	switch {
	case p.Status != "" && !p.Status.Known():
		return &errs.ClientError{Field: "status", Problem: "must be pending, active, complete, failed or cancelled, or empty for active"}
	case p.ResultPayload != nil && !p.Status.ended():
		return &errs.ClientError{Field: "result_payload", Problem: "is only for a span that has ended: set it when you finish the span, or create the span as complete, failed or cancelled"}
	}
	return nil
}

// Validate implements [transport.Validator]: the status must be one that a span
// can end in, and the result payload must be a JSON object. The server checks the
// status against that of the span: Cancelled is for pending spans, Complete and
// Failed are for active ones. The error joins all that is wrong.
func (p FinishParams) Validate() error {
	var status error
	if p.Status != "" && !p.Status.ended() {
		status = &errs.ClientError{Field: "status", Problem: "must be complete, failed or cancelled, or empty for complete"}
	}
	return errors.Join(status, rawjson.CheckObject("result_payload", p.ResultPayload))
}

// ListParams chooses the spans of a list: those of an instance or of an agent.
type ListParams struct {
	list.Params
	AgentInstanceID  string    // the run
	AgentID          string    // the agent, for the spans of all its runs
	From             time.Time // the beginning of a window of time; zero for none
	Until            time.Time // the end of a window of time; zero for none
	IncludeSummaries bool      // Summary
	IncludeRiskLevel bool      // RiskLevel and RiskScore
}

func (p ListParams) query() url.Values {
	return params.Query(
		"agent_instance_id", p.AgentInstanceID, "agent_id", p.AgentID,
		"start_time", params.Time(p.From), "end_time", params.Time(p.Until),
		"include_summaries", params.Flag(p.IncludeSummaries), "include_risk_level", params.Flag(p.IncludeRiskLevel))
}
