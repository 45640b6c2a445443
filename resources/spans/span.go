package spans

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/transport"
)

// Status is where a span stands in its life. Values that this package doesn't
// know are kept.
type Status string

// The statuses that the API documents.
const (
	Pending   Status = "pending"   // not begun
	Active    Status = "active"    // running
	Complete  Status = "complete"  // ended well
	Failed    Status = "failed"    // ended in a failure
	Cancelled Status = "cancelled" // ended before it began
)

// Span is one step of an agent's run, as the API tells it.
type Span struct {
	ID              string           `json:"id"`
	AccountID       string           `json:"account_id"`
	AgentID         string           `json:"agent_id"`
	AgentInstanceID string           `json:"agent_instance_id"`
	ParentSpanID    string           `json:"parent_span_id"` // "" for a span at the top
	SchemaName      string           `json:"schema_name"`
	SchemaTitle     string           `json:"schema_title"`
	Status          Status           `json:"status"`
	Payload         transport.Object `json:"payload"`
	ResultPayload   transport.Object `json:"result_payload"` // nil before the end
	StartedAt       time.Time        `json:"started_at"`     // zero while pending
	FinishedAt      time.Time        `json:"finished_at"`    // zero before the end

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
// included; nil for a Span that came from elsewhere. It must not be changed.
func (s *Span) Raw() jsontext.Value { return s.raw.Value() }

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
