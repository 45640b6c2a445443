// Package agents has the operations on agents, the programs whose runs are instances.
// They need a token of account scope.
//
//	agent, err := api.Agents.Show(ctx, agents.ShowParams{ExternalIdentifier: "billing"})
//	_, err = api.Agents.Retire(ctx, agent.ID)
//
// Every error is an [errs.Error] around the kind of failure.
//
// [errs.Error]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/errs#Error
package agents
