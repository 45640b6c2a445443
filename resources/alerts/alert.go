package alerts

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// Alert is an alert as the API returns it. Not every response has every field; one
// that is absent or null is zero.
type Alert struct {
	Type                     string         `json:"type,omitzero"` // "alert"
	ID                       string         `json:"id"`
	AccountID                string         `json:"account_id,omitzero"`
	AgentID                  string         `json:"agent_id,omitzero"`
	AgentInstanceID          string         `json:"agent_instance_id,omitzero"` // the run that it belongs to
	EnvironmentID            string         `json:"environment_id,omitzero"`
	Name                     string         `json:"name,omitzero"`    // unique in its run
	Title                    string         `json:"title,omitzero"`   // display name
	Summary                  string         `json:"summary,omitzero"` // text made by the schema's template
	Severity                 Severity       `json:"severity,omitzero"`
	Status                   Status         `json:"status,omitzero"`
	Version                  int64          `json:"version,omitzero"` // counts the changes
	Payload                  rawjson.Object `json:"payload,omitzero"` // a list's rows have none
	PayloadSensitiveEncoding bool           `json:"payload_sensitive_encoding,omitzero"`
	RaisedAt                 time.Time      `json:"raised_at,omitzero"`
	ClearedAt                time.Time      `json:"cleared_at,omitzero"` // zero while it is raised
	InsertedAt               time.Time      `json:"inserted_at,omitzero"`
	UpdatedAt                time.Time      `json:"updated_at,omitzero"`

	// Source leads to the JSON that the alert was decoded from: Raw and Document.
	rawjson.Source `json:"-"`
}

var _ transport.Checker = (*Alert)(nil)

// Check implements [transport.Checker]. It also sets Source to the response's
// document.
func (a *Alert) Check(document jsontext.Value) error {
	if a.ID == "" {
		return errors.New("its document has no alert under details")
	}
	a.SetSource(document, "/details")
	return nil
}

// Severity is how bad an alert is. Values that this package doesn't know are kept.
type Severity string

// The severities that the API documents, the worst first.
const (
	Critical Severity = "critical"
	Error    Severity = "error"
	Warning  Severity = "warning"
	Info     Severity = "info"
)

// Known reports whether the severity is one of this package's constants.
func (s Severity) Known() bool {
	switch s {
	case Critical, Error, Warning, Info:
		return true
	}
	return false
}

// Status is the state of an alert. Values that this package doesn't know are kept.
type Status string

// The statuses that the API documents.
const (
	Raised  Status = "raised"
	Cleared Status = "cleared"
)

// Known reports whether the status is one of this package's constants.
func (s Status) Known() bool { return s == Raised || s == Cleared }
