// Command quickstart records one run of an agent, with nested spans. It prints
// the stack of the client, each call with its attempts and waits, and what the
// server holds in the end.
//
//	go run ./prefactortest/quickstart
//
// By default it runs against its own fake server, with injected faults. It
// checks that the server holds what the calls returned, and exits with status 1
// if not.
//
// If PREFACTOR_API_URL and PREFACTOR_API_TOKEN are set, it records the same run
// on that server, without faults, for the agent PREFACTOR_AGENT_ID in the
// environment PREFACTOR_ENVIRONMENT_ID. A deployment token needs neither.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/transport"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	if os.Getenv("PREFACTOR_API_URL") != "" && os.Getenv("PREFACTOR_API_TOKEN") != "" {
		return runOnServer(ctx, out)
	}
	return runOnFake(ctx, out)
}

// runOnServer records the run on the server at PREFACTOR_API_URL.
func runOnServer(ctx context.Context, out io.Writer) error {
	cfg, err := middleware.ConfigFromEnv()
	if err != nil {
		return err
	}
	recorded, err := compose(ctx, out, cfg, agent{os.Getenv("PREFACTOR_AGENT_ID"), os.Getenv("PREFACTOR_ENVIRONMENT_ID")})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nWhat the calls returned:\n\n%s", recorded.tree())
	return nil
}

// runOnFake records the run on a fake server in this process, with faults.
func runOnFake(ctx context.Context, out io.Writer) error {
	fake := prefactortest.New()
	server, err := fake.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.Close()
	fake.Inject(
		prefactortest.On("agent_instances.register").Times(2).Reply(503),
		prefactortest.On("agent_spans.create").Reply(429).RetryAfter(time.Second),
		prefactortest.On("agent_spans.create").Nth(3).Times(2).ResetAfter(),
		prefactortest.On("agent_spans.finish").CutBody(60),
	)
	cfg := middleware.NewConfig(server.URL, prefactortest.Token)
	cfg.InitialRetryDelay = 100 * time.Millisecond // keeps the demonstration short

	recorded, err := compose(ctx, out, cfg, agent{prefactortest.AgentID, prefactortest.EnvironmentID})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nWhat the server holds:\n\n%s\n", fake.Tree())
	if unfired := fake.Unfired(); len(unfired) > 0 {
		return fmt.Errorf("some faults didn't strike as often as they should: %v", unfired)
	}
	if err := recorded.check(fake); err != nil {
		return fmt.Errorf("the server doesn't hold what the calls returned: %w", err)
	}
	fmt.Fprintf(out, "This is what the calls returned: every span once, in %d requests for %d calls.\n", len(fake.Journal()), recorded.calls)
	return nil
}

// compose adds a company's layers to the default stack, prints the stack, and
// records a run through it.
func compose(ctx context.Context, out io.Writer, cfg middleware.Config, agent agent) (*recording, error) {
	stack := middleware.Default(cfg).
		PerCall(audit(out)).
		Wire(signing(transport.NewSecret("the company's signing key")))
	fmt.Fprintf(out, "The stack:\n\n%s\nThe calls:\n\n", stack)

	base := middleware.NewBase(cfg)
	rt, err := stack.RoundTripper(base)
	if err != nil {
		return nil, err
	}
	client, err := transport.NewClient(cfg.APIURL, rt)
	if err != nil {
		return nil, err
	}
	api := resources.New(client)
	defer api.Close()
	return record(ctx, api, agent)
}
