package alerts_test

import (
	"context"
	"fmt"
	"log"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/alerts"
	"github.com/prefactordev/prefactor-go/resources/instances"
)

// A run raises an alert, and clears it by its name when its reason is gone.
func Example() {
	server, err := prefactortest.New().Listen("127.0.0.1:0") // in place of the API
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	api, err := resources.Open(middleware.NewConfig(server.URL, prefactortest.Token))
	if err != nil {
		log.Fatal(err)
	}
	defer api.Close()
	ctx := context.Background()

	run, err := api.Instances.Register(ctx, instances.RegisterParams{})
	if err != nil {
		log.Fatal(err)
	}
	alert, err := api.Alerts.Raise(ctx, alerts.RaiseParams{
		AgentInstanceID: run.ID, Name: "over_budget", Severity: alerts.Warning,
		Payload: map[string]any{"spent": 12.5, "budget": 10},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(alert.Status, alert.Severity, alert.Payload)

	raised, err := api.Alerts.Count(ctx, alerts.CountParams{Status: alerts.Raised})
	if err != nil {
		log.Fatal(err)
	}
	alert, err = api.Alerts.Clear(ctx, alerts.ClearParams{AgentInstanceID: run.ID, Name: "over_budget"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(raised, alert.Status)
	// Output:
	// raised warning {"budget":10,"spent":12.5}
	// 1 cleared
}
