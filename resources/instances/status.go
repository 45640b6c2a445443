package instances

// Status is the state of an instance. Values that this package doesn't know are
// kept.
type Status string

// The statuses that the API documents. An instance goes from Pending to Active or
// Cancelled, and from Active to Complete, Failed or Terminated.
const (
	Pending    Status = "pending"    // registered, not started
	Active     Status = "active"     // running
	Complete   Status = "complete"   // finished successfully
	Failed     Status = "failed"     // finished with a failure
	Cancelled  Status = "cancelled"  // ended before it started
	Terminated Status = "terminated" // ended from outside; Finish can't set it
)

// Known reports whether the status is one of this package's constants.
func (s Status) Known() bool {
	switch s {
	case Pending, Active, Complete, Failed, Cancelled, Terminated:
		return true
	}
	return false
}

// Ended reports whether an instance with the status has ended.
func (s Status) Ended() bool {
	switch s {
	case Complete, Failed, Cancelled, Terminated:
		return true
	}
	return false
}

// Purpose is why an instance runs. Values that this package doesn't know are
// kept.
type Purpose string

// The purposes that the API documents.
const (
	Live      Purpose = "live"       // a real run
	SmokeTest Purpose = "smoke_test" // a check of the pipeline
	Eval      Purpose = "eval"       // an evaluation
)

// Known reports whether the purpose is one of this package's constants.
func (p Purpose) Known() bool {
	switch p {
	case Live, SmokeTest, Eval:
		return true
	}
	return false
}
