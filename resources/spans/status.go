package spans

// Status is where a span stands in its life. Values that this package doesn't
// know are kept.
type Status string

// The statuses that the API documents. A span goes from Pending to Active or
// Cancelled, and from Active to Complete or Failed. It may be created in any of
// them.
const (
	Pending   Status = "pending"   // not begun
	Active    Status = "active"    // running
	Complete  Status = "complete"  // ended well
	Failed    Status = "failed"    // ended in a failure
	Cancelled Status = "cancelled" // ended before it began
)

// Known reports whether the status is one of this package's constants.
func (s Status) Known() bool { return s == Pending || s == Active || s.ended() }

// ended reports whether the status is one that a span can end in.
func (s Status) ended() bool { return s == Complete || s == Failed || s == Cancelled }

// RiskLevel is how risky the server takes a span to be. Values that this package
// doesn't know are kept.
type RiskLevel string

// The risk levels that the API has been seen to use.
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
