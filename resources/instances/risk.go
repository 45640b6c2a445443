package instances

import "github.com/prefactordev/prefactor-go/resources/spans"

// RiskScore is how risky the server rates a run, by the risk profile of its agent.
type RiskScore struct {
	TotalScore         float64         `json:"total_score"`
	RiskLevel          spans.RiskLevel `json:"risk_level"` // "" if the run wasn't rated
	CriticalThreshold  float64         `json:"critical_threshold"`
	AnyAssessable      bool            `json:"any_assessable"`      // some type of span says what its spans may do and hold
	PeakClassification Classification  `json:"peak_classification"` // of the most sensitive data; "" if nothing is known
	AllDataCategories  []string        `json:"all_data_categories"`
	AllowedActions     []string        `json:"allowed_actions"`
	PerType            []TypeScore     `json:"per_type"`
}

// TypeScore is the part of a run's score that is due to one type of span.
type TypeScore struct {
	SchemaName        string          `json:"schema_name"`
	Count             int64           `json:"count"` // spans of the type
	RiskLevel         spans.RiskLevel `json:"risk_level"`
	TypeScore         float64         `json:"type_score"` // of one span
	TotalContribution float64         `json:"total_contribution"`
}
