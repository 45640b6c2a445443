// Package alerts has the operations on alerts: what a run reports, beside its
// spans, for people to look at. An alert belongs to an instance and is known there
// by its name.
//
//	_, err := api.Alerts.Raise(ctx, alerts.RaiseParams{
//		AgentInstanceID: run.ID, Name: "over_budget", Severity: alerts.Warning,
//		Payload: map[string]any{"spent": 12.5},
//	})
package alerts
