package instances

// CostBreakdown is what the tokens of a run's models cost, in all and by model.
type CostBreakdown struct {
	Cost
	Groups []ModelCost `json:"groups"`
}

// Cost is a number of tokens and their price. A price is nil if it isn't known.
type Cost struct {
	Input         float64  `json:"input"`      // tokens
	Output        float64  `json:"output"`     // tokens
	CacheRead     float64  `json:"cache_read"` // tokens
	InputCost     *float64 `json:"input_cost"`
	OutputCost    *float64 `json:"output_cost"`
	CacheReadCost *float64 `json:"cache_read_cost"`
	TotalCost     *float64 `json:"total_cost"`
}

// ModelCost is the part of a run's cost that is due to one model.
type ModelCost struct {
	Cost
	ModelName    string `json:"model_name"`
	Provider     string `json:"provider,omitzero"`
	ContextLimit *int64 `json:"context_limit,omitzero"` // tokens; nil if it isn't known
}
