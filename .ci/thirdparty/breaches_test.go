package thirdparty_test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

const ruleSwitching = "the body of a 101 can be written to"

// breaches are the rules that packages break. None of them matters to an API that
// never switches protocols and sends no stream, unless the comment says so.
var breaches = map[string]struct {
	test  func(t *testing.T)
	rules []string
}{
	"failsafehttp": {layerTest(foreignRetry(failsafe).layer(middleware.DefaultRetryPolicy())), []string{ruleSwitching}},
	"rehttp":       {layerTest(foreignRetry(re).layer(middleware.DefaultRetryPolicy())), []string{ruleSwitching}},
	"httpcache":    {layerTest(transport.NewLayer("httpcache", transport.Anywhere, cache)), []string{ruleSwitching}},

	// It also reads its copy of a request's body while the base may still send the
	// body, which the race detector reports.
	"go-vcr": {layerTest(transport.NewLayer("go-vcr", transport.Anywhere, taping)), []string{
		"the caller's request is never changed", "every request body is closed", "a stream is passed on as it arrives", ruleSwitching}},

	// It reads whole responses, of any size. Outside of envelope these are bounded.
	"go-vcr at the wire": {stackTest(everywhere("go-vcr", taping)["wire"]), []string{"responses are bounded in size"}},

	// A server can lead such a client, and the body of a call, to any other host.
	"an http.Client that follows redirects": {stackTest(setup{base: followingClient}), []string{"no redirect is followed"}},
}

func layerTest(layer transport.Layer) func(*testing.T) {
	return func(t *testing.T) { conformance.TestLayer(t, layer) }
}

func stackTest(s setup) func(*testing.T) {
	return func(t *testing.T) { conformance.TestFaults(t, s.build, s.suite...) }
}

// childEnv is set in the process whose tests fail.
const childEnv = "THIRDPARTY_BREACHES"

func TestPackagesBreakTheseRules(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves the suites out, which take minutes under the race detector")
	}
	t.Parallel()
	if os.Getenv(childEnv) != "" {
		for name, b := range breaches {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b.test(t)
			})
		}
		return
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=5m")
	child.Env = append(os.Environ(), childEnv+"=1")
	output, err := child.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || bytes.Contains(output, []byte("DATA RACE")) {
		t.Fatalf("the process ended with %v, want a failed test without a race:\n%s", err, output)
	}
	broken := brokenRules(string(output))
	for name, b := range breaches {
		want := slices.Sorted(slices.Values(b.rules))
		if got := slices.Sorted(maps.Keys(broken[name])); !slices.Equal(got, want) {
			t.Errorf("%s breaks the rules %q, want %q", name, got, want)
		}
	}
	if t.Failed() {
		t.Logf("%s", output)
	}
}

var (
	resultLine = regexp.MustCompile(`^ +--- (?:FAIL|PASS): [^/]+/([^/]+).* \([0-9.]+s\)$`)
	ruleLine   = regexp.MustCompile(`^ +[a-z_]+\.go:[0-9]+: (?:layer ".*" breaks the rule "(.+?)"|broken: (.+?)):`)
)

// brokenRules reads the output of the suites: the rules that each package broke.
func brokenRules(output string) map[string]map[string]bool {
	broken := make(map[string]map[string]bool)
	name := ""
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\n")
		if m := resultLine.FindStringSubmatch(line); m != nil {
			name = strings.ReplaceAll(m[1], "_", " ")
		} else if m := ruleLine.FindStringSubmatch(line); m != nil {
			if broken[name] == nil {
				broken[name] = make(map[string]bool)
			}
			broken[name][m[1]+m[2]] = true
		}
	}
	return broken
}
