// Command prefactor-fake serves a fake Prefactor API, for programs in any
// language and for experiments:
//
//	go run ./prefactortest/prefactor-fake -addr 127.0.0.1:8787
//
// Its first line on standard output is "listening on http://HOST:PORT", followed
// by a line for each request. On SIGINT or SIGTERM it waits up to 5 seconds for
// the requests in flight, prints a summary of what it holds, and exits. A second
// signal ends it at once.
//
// The flags are
//
//	-addr address     the address to listen on; port 0 picks one (127.0.0.1:8787)
//	-token token      the accepted token (test-token); the token "bad" is always refused
//	-fault-rate rate  the probability, from 0 to 1, that a request goes wrong (0)
//	-seed seed        the seed of ids and faults (1)
//	-latency time     the delay of every response (0s)
//	-strict           refuse what is undocumented
//	-json             write requests and the summary as JSON objects
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
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
	addr, token  string
	faultRate    float64
	seed         uint64
	latency      time.Duration
	strict, json bool
}

func parse(args []string, stderr io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("prefactor-fake", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&c.addr, "addr", "127.0.0.1:8787", "`address` to listen on; port 0 picks one")
	flags.StringVar(&c.token, "token", prefactortest.Token, "the accepted `token`; the token \"bad\" is always refused")
	flags.Float64Var(&c.faultRate, "fault-rate", 0, "`probability`, from 0 to 1, that a request goes wrong")
	flags.Uint64Var(&c.seed, "seed", 1, "the `seed` of ids and faults")
	flags.DurationVar(&c.latency, "latency", 0, "the delay of every response, a `time` such as 200ms")
	flags.BoolVar(&c.strict, "strict", false, "refuse what is undocumented")
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
		prefactortest.WithLatency(c.latency),
		prefactortest.WithJournalLimit(1), // the log shows the exchanges
		prefactortest.WithObserver(observe),
	}
	if c.strict {
		opts = append(opts, prefactortest.Strict())
	}
	fake := prefactortest.New(opts...)
	if c.token != prefactortest.Token {
		fake.RevokeToken(prefactortest.Token)
	}
	if c.faultRate > 0 {
		fake.Inject(prefactortest.Storm(c.faultRate)...)
	}
	return fake
}
