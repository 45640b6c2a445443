package spans

// Status is the state of a span. Values that this package doesn't know are kept.
type Status string

// The statuses that the API documents. A span goes from Pending to Active or
// Cancelled, and from Active to Complete or Failed. It may be created with any of
// these statuses.
const (
	Pending   Status = "pending"   // not started
	Active    Status = "active"    // running
	Complete  Status = "complete"  // finished successfully
	Failed    Status = "failed"    // finished with a failure
	Cancelled Status = "cancelled" // ended before it started
)

// Known reports whether the status is one of this package's constants.
func (s Status) Known() bool { return s == Pending || s == Active || s.ended() }

// ended reports whether a span with the status has ended.
func (s Status) ended() bool { return s == Complete || s == Failed || s == Cancelled }

// Purpose is what a span records. Values that this package doesn't know are kept.
type Purpose string

// The purposes that the API documents.
const (
	Activity Purpose = "activity" // a step of the run
	Quality  Purpose = "quality"  // a quality record of the run, which the server adds
	Alert    Purpose = "alert"    // an alert of the run, which the server adds
)

// Known reports whether the purpose is one of this package's constants.
func (p Purpose) Known() bool { return p == Activity || p == Quality || p == Alert }

// RiskLevel is how risky the server rates a span, a run or a type of span. Values that
// this package doesn't know are kept.
type RiskLevel string

// The risk levels that the API documents.
const (
	RiskLow      RiskLevel = "low"
	RiskMedium   RiskLevel = "medium"
	RiskHigh     RiskLevel = "high"
	RiskCritical RiskLevel = "critical"
)

// Known reports whether the level is one of this package's constants.
func (r RiskLevel) Known() bool {
	switch r {
	case RiskLow, RiskMedium, RiskHigh, RiskCritical:
		return true
	}
	return false
}
