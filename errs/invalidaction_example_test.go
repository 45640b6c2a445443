package errs_test

import (
	"context"
	"fmt"
	"log"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/instances"
)

// Whoever finishes a run that may have ended already decides in one line that this is
// fine.
func ExampleInvalidAction() {
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

	for range 2 {
		_, err := api.Instances.Finish(ctx, run.ID, instances.FinishParams{Status: instances.Cancelled})
		if err != nil && !errs.InvalidAction(err) {
			log.Fatal(err)
		}
		fmt.Println("ended before:", errs.InvalidAction(err))
	}
	// Output:
	// ended before: false
	// ended before: true
}
