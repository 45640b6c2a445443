package agents

// Status is the state of an agent. Values that this package doesn't know are kept.
type Status string

// The statuses that the API documents.
const (
	Pending Status = "pending" // has had no run
	Active  Status = "active"
	Dormant Status = "dormant" // has had no run for some time
	Retired Status = "retired" // taken out of use; Reinstate takes it back
)

// Known reports whether the status is one of this package's constants.
func (s Status) Known() bool {
	switch s {
	case Pending, Active, Dormant, Retired:
		return true
	}
	return false
}
