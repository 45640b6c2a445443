// Package alerts has the operations on alerts: what a run reports, beside its
// spans, for people to look at. An alert belongs to an instance and is known there
// by its name.
//
//	_, err := api.Alerts.Raise(ctx, alerts.RaiseParams{
//		AgentInstanceID: run.ID, Name: "over_budget", Severity: alerts.Warning,
//		Payload: map[string]any{"spent": 12.5},
//	})
//
// Every error is an [errs.Error] around the kind of failure.
//
// [errs.Error]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/errs#Error
package alerts
