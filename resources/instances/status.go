package instances

// Status is where an instance stands in its life. Values that this package
// doesn't know are kept.
type Status string

// The statuses that the API documents. An instance goes from Pending over Active
// to Complete or Failed; from Pending to Cancelled; or from Active to
// Terminated.
const (
	Pending    Status = "pending"    // registered, not started
	Active     Status = "active"     // running
	Complete   Status = "complete"   // ended well
	Failed     Status = "failed"     // ended in a failure
	Cancelled  Status = "cancelled"  // ended before it started
	Terminated Status = "terminated" // ended from outside; no finish can ask for it
)

// Known reports whether the status is one of this package's constants.
func (s Status) Known() bool {
	switch s {
	case Pending, Active, Complete, Failed, Cancelled, Terminated:
		return true
	}
	return false
}

// Purpose is why an instance runs. Values that this package doesn't know are
// kept.
type Purpose string

// The purposes that the API documents.
const (
	Live      Purpose = "live"       // an actual run
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
