package instances

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/transport"
)

// Status is where an instance stands in its life. Values that this package
// doesn't know are kept.
type Status string

// The statuses that the API documents.
const (
	Pending    Status = "pending"    // registered, not started
	Active     Status = "active"     // running
	Complete   Status = "complete"   // ended well
	Failed     Status = "failed"     // ended in a failure
	Cancelled  Status = "cancelled"  // ended before it started
	Terminated Status = "terminated" // ended from outside
)

// Instance is one run of an agent, as the API tells it.
type Instance struct {
	ID             string    `json:"id"`
	AccountID      string    `json:"account_id"`
	AgentID        string    `json:"agent_id"`
	AgentVersionID string    `json:"agent_version_id"`
	EnvironmentID  string    `json:"environment_id"`
	Status         Status    `json:"status"`
	InsertedAt     time.Time `json:"inserted_at"`
	UpdatedAt      time.Time `json:"updated_at"`
	StartedAt      time.Time `json:"started_at"`  // zero before the start
	FinishedAt     time.Time `json:"finished_at"` // zero before the end

	raw transport.Raw
}

// Raw returns the JSON object that the instance was decoded from, unknown
// members included; nil for an Instance that came from elsewhere. It must not be
// changed.
func (i *Instance) Raw() jsontext.Value { return i.raw.Value() }

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
