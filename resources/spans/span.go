package spans

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/transport"
)

// Span is one step of an agent's run, as the API tells it. A field that the
// answer lacks, or has as null, is zero: not every answer has every field.
type Span struct {
	Type                    string           `json:"type,omitzero"` // "agent_span"
	ID                      string           `json:"id"`
	AccountID               string           `json:"account_id,omitzero"`
	AgentID                 string           `json:"agent_id,omitzero"`
	AgentInstanceID         string           `json:"agent_instance_id,omitzero"`
	ParentSpanID            string           `json:"parent_span_id,omitzero"` // "" for a span at the top
	SchemaName              string           `json:"schema_name,omitzero"`
	SchemaTitle             string           `json:"schema_title,omitzero"`
	Purpose                 string           `json:"purpose,omitzero"` // of the instance
	Status                  Status           `json:"status,omitzero"`
	Payload                 transport.Object `json:"payload,omitzero"`
	ResultPayload           transport.Object `json:"result_payload,omitzero"` // nil before the end
	PayloadByteSizeEstimate int64            `json:"payload_byte_size_estimate,omitzero"`
	SensitiveEncoding       bool             `json:"sensitive_encoding,omitzero"` // marked values were encoded
	Summary                 string           `json:"summary,omitzero"`            // text that the schema's template makes
	RiskLevel               RiskLevel        `json:"risk_level,omitzero"`         // "" if the span wasn't rated
	RiskScore               *float64         `json:"risk_score,omitzero"`         // nil if the span wasn't scored
	InsertedAt              time.Time        `json:"inserted_at,omitzero"`
	UpdatedAt               time.Time        `json:"updated_at,omitzero"`
	StartedAt               time.Time        `json:"started_at,omitzero"`  // zero while pending
	FinishedAt              time.Time        `json:"finished_at,omitzero"` // zero before the end

	// Control is what the server told the run in the answer to a write; nil if
	// nothing.
	Control *Control `json:"-"`

	raw transport.Raw
}

// Control is the server's word to a run.
type Control struct {
	Terminate bool   // the run should end now
	Reason    string // why; may be empty
}

// Raw returns the JSON object that the span was decoded from, unknown members
// included; nil for a Span that came from elsewhere. It is a part of the
// answer's bytes, not a copy, and must not be changed.
func (s *Span) Raw() jsontext.Value { return s.raw.Value() }

// Document returns the whole document of the answer that held the span, with
// what stood beside it, as Raw does.
func (s *Span) Document() jsontext.Value { return s.raw.Document() }

var _ transport.DocumentUnmarshaler = (*Span)(nil)

// UnmarshalDocument reads the span, with its Control, from the whole document of
// an answer, which it keeps. The error is the document's own, or an
// [errs.ContractError] if it holds no span.
//
// [errs.ContractError]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/errs#ContractError
func (s *Span) UnmarshalDocument(document jsontext.Value) error {
	a, err := transport.DecodeDocument[answer](document)
	if err != nil {
		return err
	}
	*s = *a.Details
	return nil
}

// answer is the document of an operation that answers with one span.
type answer struct {
	Details *Span   `json:"details"`
	Control control `json:"control"`
}

var _ transport.Checker = (*answer)(nil)

// Check implements [transport.Checker].
func (a *answer) Check(document jsontext.Value) error {
	if a.Details == nil || a.Details.ID == "" {
		return errors.New("its document has no details of a span")
	}
	a.Details.Control = a.Control.Control
	a.Details.raw = transport.RawAt(document, "/details")
	return nil
}

// control reads the member "control", in which only an object means anything.
type control struct{ *Control }

func (c *control) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '{' {
		return dec.SkipValue()
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	var members struct {
		Terminate jsontext.Value `json:"terminate"`
		Reason    jsontext.Value `json:"reason"`
	}
	if err := transport.Object(raw).Decode(&members); err != nil {
		return err
	}
	c.Control = &Control{Terminate: members.Terminate.Kind() == 't'}
	if members.Reason.Kind() == '"' {
		reason, _ := jsontext.AppendUnquote(nil, members.Reason)
		c.Reason = string(reason)
	}
	return nil
}
