package middleware_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// The run's context ends as soon as the response to a span write asks for it.
func ExampleOnControl() {
	run, end := context.WithCancelCause(context.Background())
	control := middleware.OnControl(func(_ context.Context, c middleware.Control) {
		end(fmt.Errorf("terminated: %s", c.Reason))
	})

	fake := prefactortest.New()
	fake.Inject(prefactortest.On("agent_spans.create").Reply(200).Body(
		`{"status":"success","details":{"agent_instance_id":"run-1"},"control":{"terminate":true,"reason":"over budget"}}`))
	cfg := middleware.NewConfig("https://prefactor.test", prefactortest.Token)
	client := exampleClient(middleware.Default(cfg).PerCall(control), fake)
	_, _ = client.Do(run, transport.Request{Method: http.MethodPost, Path: "/agent_spans", Body: struct{}{}})
	fmt.Println(context.Cause(run))
	// Output: terminated: over budget
}
