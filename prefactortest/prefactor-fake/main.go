// Command prefactor-fake serves a fake Prefactor API, for programs in any
// language and for experiments:
//
//	go run ./prefactortest/prefactor-fake -addr 127.0.0.1:8787
//
// Its first line on standard output is "listening on http://HOST:PORT". The second
// names the tokens that it accepts, and the account, agent and environment that
// it knows. A line for each request follows. On SIGINT or SIGTERM it waits up to 5 seconds for
// the requests in flight, prints a summary of what it holds, and exits. A second
// signal ends it at once.
//
// The flags are
//
//	-addr address     the address to listen on; port 0 picks one (127.0.0.1:8787)
//	-token token      the accepted account token (test-token); the token "bad" is always refused
//	-deployment-token token
//	                  the accepted token of the agent in the environment (test-deployment-token)
//	-agent id         the agent, for clients that have an agent's id (that of every fake)
//	-fault-rate rate  the probability, from 0 to 1, that a request goes wrong (0)
//	-seed seed        the seed of ids and faults (1)
//	-latency time     the delay of every response (0s)
//	-strict           refuse what is undocumented
//	-with switches    change the rules; a list such as drop-unknown,require-schemas
//	-json             write requests and the summary as JSON objects
//
// The switches are the options of the same name in package prefactortest, such as
// [prefactortest.DropUnknown]:
//
//	any-ids                   client-chosen ids may have any form
//	bracket-sorting-only      refuse sorting=-field
//	cancel-active             an active instance may be finished as cancelled
//	close-spans-on-terminate  a termination ends the open spans
//	drop-unknown              ignore unknown fields as the API does, and log them
//	mismatch-422              a known key with another body is 422, not 409
//	refuse-unknown            refuse unknown fields and query parameters
//	require-schemas           refuse spans of undeclared schemas
//	spare-keyless             -fault-rate strikes writes without a key only before their commit
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// grace is the time that requests in flight get at shutdown.
const grace = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "prefactor-fake:", err)
		os.Exit(1)
	}
}

type config struct {
	addr, token, deploymentToken, agent string
	faultRate                           float64
	seed                                uint64
	latency                             time.Duration
	strict, json                        bool
	with                                []string
}

// switches are what -with changes.
var switches = map[string]func() prefactortest.Option{
	"any-ids":                  prefactortest.AnyIDs,
	"bracket-sorting-only":     prefactortest.BracketSortingOnly,
	"cancel-active":            prefactortest.CancelActive,
	"close-spans-on-terminate": prefactortest.CloseSpansOnTerminate,
	"drop-unknown":             prefactortest.DropUnknown,
	"mismatch-422":             func() prefactortest.Option { return prefactortest.MismatchStatus(http.StatusUnprocessableEntity) },
	"refuse-unknown":           prefactortest.RefuseUnknown,
	"require-schemas":          prefactortest.RequireSchemas,
}

// spareKeyless is the switch that changes the faults.
const spareKeyless = "spare-keyless"

// readSwitches reads the list of switches.
func (c *config) readSwitches(list string) error {
	names := slices.Sorted(maps.Keys(switches))
	names = append(names, spareKeyless)
	for name := range strings.SplitSeq(list, ",") {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%q is not a switch; give some of %s", name, strings.Join(names, ","))
		}
		c.with = append(c.with, name)
	}
	return nil
}

func parse(args []string, stderr io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("prefactor-fake", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&c.addr, "addr", "127.0.0.1:8787", "`address` to listen on; port 0 picks one")
	flags.StringVar(&c.token, "token", prefactortest.Token, "the accepted account `token`; the token \"bad\" is always refused")
	flags.StringVar(&c.deploymentToken, "deployment-token", "test-deployment-token", "the accepted `token` of the agent in the environment")
	flags.StringVar(&c.agent, "agent", prefactortest.AgentID, "the `id` of the agent")
	flags.Float64Var(&c.faultRate, "fault-rate", 0, "`probability`, from 0 to 1, that a request goes wrong")
	flags.Uint64Var(&c.seed, "seed", 1, "the `seed` of ids and faults")
	flags.DurationVar(&c.latency, "latency", 0, "the delay of every response, a `time` such as 200ms")
	flags.BoolVar(&c.strict, "strict", false, "refuse what is undocumented")
	flags.Func("with", "change the rules; a list of `switches` such as drop-unknown,require-schemas", c.readSwitches)
	flags.BoolVar(&c.json, "json", false, "write requests and the summary as JSON objects")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	switch {
	case flags.NArg() > 0:
		return c, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case c.faultRate < 0 || c.faultRate > 1:
		return c, fmt.Errorf("-fault-rate %v is not between 0 and 1", c.faultRate)
	case c.token == "" || c.token == prefactortest.BadToken:
		return c, fmt.Errorf("-token %q can't be accepted", c.token)
	case c.deploymentToken == "" || c.deploymentToken == prefactortest.BadToken || c.deploymentToken == c.token:
		return c, fmt.Errorf("-deployment-token %q can't be accepted", c.deploymentToken)
	case c.agent == "":
		return c, errors.New("-agent is empty; give the agent's id, or leave the flag out")
	}
	return c, nil
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	log := newRequestLog(stdout, c.json)
	fake := c.fake(log.observe)
	server, err := fake.Listen(c.addr)
	if err != nil {
		return err
	}
	log.listening(server.URL)
	log.knows(known{c.token, c.deploymentToken, prefactortest.AccountID, c.agent, prefactortest.EnvironmentID})
	<-ctx.Done()

	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err = server.Shutdown(ending)
	log.summarize(fake)
	return err
}

func (c config) fake(observe func(prefactortest.Exchange)) *prefactortest.Fake {
	opts := []prefactortest.Option{
		prefactortest.WithSeed(c.seed),
		prefactortest.WithToken(c.token, prefactortest.Grant{}),
		prefactortest.WithToken(c.deploymentToken, prefactortest.Grant{AgentID: c.agent, EnvironmentID: prefactortest.EnvironmentID}),
		prefactortest.WithLatency(c.latency),
		prefactortest.WithJournalLimit(1), // the log shows the exchanges
		prefactortest.WithObserver(observe),
	}
	if c.strict {
		opts = append(opts, prefactortest.Strict())
	}
	for _, name := range c.with {
		if option := switches[name]; option != nil {
			opts = append(opts, option())
		}
	}
	fake := prefactortest.New(opts...)
	if c.token != prefactortest.Token && c.deploymentToken != prefactortest.Token {
		fake.RevokeToken(prefactortest.Token)
	}
	if c.faultRate > 0 {
		fake.Inject(c.storm()...)
	}
	return fake
}

// storm returns the faults of -fault-rate.
func (c config) storm() []prefactortest.Fault {
	faults := prefactortest.Storm(c.faultRate)
	if slices.Contains(c.with, spareKeyless) {
		for n, fault := range faults {
			faults[n] = fault.SpareKeyless()
		}
	}
	return faults
}
