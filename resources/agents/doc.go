// Package agents has the operations on agents, the programs whose runs are instances.
// They need a token of account scope.
//
//	agent, err := api.Agents.Show(ctx, agents.ShowParams{ExternalIdentifier: "billing"})
//	_, err = api.Agents.Retire(ctx, agent.ID)
package agents
