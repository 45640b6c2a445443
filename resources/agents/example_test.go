package agents_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/agents"
)

// open returns an API on a fake that stands in for the server, and a function that
// closes both.
func open() (api *resources.API, done func()) {
	server, err := prefactortest.New().Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	api, err = resources.Open(middleware.NewConfig(server.URL, prefactortest.Token))
	if err != nil {
		log.Fatal(err)
	}
	return api, func() {
		api.Close()
		_ = server.Close()
	}
}

// An agent is found by the id that it has elsewhere, and taken out of use.
func Example() {
	api, done := open()
	defer done()
	ctx := context.Background()

	if _, err := api.Agents.Create(ctx, agents.CreateParams{Name: "Billing", ExternalIdentifier: "billing"}); err != nil {
		log.Fatal(err)
	}
	agent, err := api.Agents.Show(ctx, agents.ShowParams{ExternalIdentifier: "billing", IncludeCounts: true})
	if errors.Is(err, errs.ErrNotFound) {
		fmt.Println("there is no such agent")
		return
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(agent.Name, agent.Status, agent.InstanceCounts.Active)
	if agent.InstanceCounts.Active == 0 {
		agent, err = api.Agents.Retire(ctx, agent.ID)
	}
	fmt.Println(agent.Status, err)
	// Output:
	// Billing pending 0
	// retired <nil>
}

// A field that isn't set stays as it is.
func ExampleService_Update() {
	api, done := open()
	defer done()
	ctx := context.Background()

	agent, err := api.Agents.Create(ctx, agents.CreateParams{Name: "Billing", Description: "Sends invoices.", TeamID: "accounting"})
	if err != nil {
		log.Fatal(err)
	}
	agent, err = api.Agents.Update(ctx, agent.ID, agents.UpdateParams{Name: agents.To("Invoices"), TeamID: agents.Clear()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q %q %q\n", agent.Name, agent.Description, agent.TeamID)
	// Output: "Invoices" "Sends invoices." ""
}
