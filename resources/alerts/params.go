package alerts

import (
	"errors"
	"net/url"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/internal/params"
	"github.com/prefactordev/prefactor-go/resources/list"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// RaiseParams describes an alert. A payload is any value that encodes to a JSON
// object, as [rawjson.Encode] does it. A zero time is that of the call.
type RaiseParams struct {
	AgentInstanceID          string    `json:"agent_instance_id"`                   // the run that reports it; required
	Name                     string    `json:"name"`                                // required
	Severity                 Severity  `json:"severity"`                            // required
	Payload                  any       `json:"payload"`                             // nil means {}
	RaisedAt                 time.Time `json:"raised_at,omitzero"`                  // when it happened
	PayloadSensitiveEncoding bool      `json:"payload_sensitive_encoding,omitzero"` // asks the server to encode the values that are marked as sensitive
}

// ClearParams says which alert is over. A zero time is that of the call.
type ClearParams struct {
	AgentInstanceID          string    `json:"agent_instance_id"`                   // the run that raised it; required
	Name                     string    `json:"name"`                                // required
	Severity                 Severity  `json:"severity,omitzero"`                   // "" keeps what it has
	Payload                  any       `json:"payload,omitzero"`                    // nil keeps what it has
	ClearedAt                time.Time `json:"cleared_at,omitzero"`                 // when it was over
	PayloadSensitiveEncoding bool      `json:"payload_sensitive_encoding,omitzero"` // asks the server to encode the values that are marked as sensitive
}

// WithDefaults returns the params as they are sent, with the defaults of this
// package filled in and the payload encoded.
func (p RaiseParams) WithDefaults() RaiseParams {
	if p.Payload = rawjson.Encoded(p.Payload); p.Payload == nil {
		p.Payload = rawjson.Object("{}")
	}
	p.RaisedAt = params.OrNow(p.RaisedAt)
	return p
}

// WithDefaults returns the params as they are sent, with the defaults of this
// package filled in and the payload encoded.
func (p ClearParams) WithDefaults() ClearParams {
	p.Payload = rawjson.Encoded(p.Payload)
	p.ClearedAt = params.OrNow(p.ClearedAt)
	return p
}

// Validate implements [transport.Validator]: the required fields must be set, the
// severity must be one that the API documents, and the payload must be a JSON
// object. The error joins all that is wrong.
func (p RaiseParams) Validate() error {
	severity := params.Required("severity", string(p.Severity))
	if severity == nil {
		severity = p.Severity.check()
	}
	return errors.Join(
		params.Required("agent_instance_id", p.AgentInstanceID),
		params.Required("name", p.Name),
		severity,
		rawjson.CheckObject("payload", p.Payload))
}

// Validate implements [transport.Validator]: the required fields must be set, the
// severity must be one that the API documents, and the payload must be a JSON
// object. The error joins all that is wrong.
func (p ClearParams) Validate() error {
	return errors.Join(
		params.Required("agent_instance_id", p.AgentInstanceID),
		params.Required("name", p.Name),
		p.Severity.check(),
		rawjson.CheckObject("payload", p.Payload))
}

func (s Severity) check() error {
	if s == "" || s.Known() {
		return nil
	}
	return &errs.ClientError{Field: "severity", Problem: "must be critical, error, warning or info"}
}

// ListParams chooses the alerts of a list. A filter that is "" or zero lets all pass.
type ListParams struct {
	list.Params
	AgentInstanceID string
	AgentID         string
	EnvironmentID   string
	Status          Status
	Severity        Severity
	Name            string
	ActiveFrom      time.Time // alerts that were still raised then, or later
	ActiveUntil     time.Time // alerts that were raised before
}

func (p ListParams) query() url.Values {
	return params.Query(
		"agent_instance_id", p.AgentInstanceID, "agent_id", p.AgentID, "environment_id", p.EnvironmentID,
		"status", string(p.Status), "severity", string(p.Severity), "name", p.Name,
		"active_during[start_at]", params.Time(p.ActiveFrom), "active_during[finish_at]", params.Time(p.ActiveUntil))
}

// CountParams chooses the alerts that are counted. A filter that is "" lets all pass.
type CountParams struct {
	Status   Status
	Severity Severity
}

func (p CountParams) query() url.Values {
	return params.Query("status", string(p.Status), "severity", string(p.Severity))
}
