package conformance_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestNothingToTestFailsTheTest(t *testing.T) {
	absent := func(middleware.Config, http.RoundTripper) (http.RoundTripper, error) { return nil, nil }
	suites := map[string]func(t *testing.T){
		"no stack":      func(t *testing.T) { conformance.TestStack(t, nil) },
		"no faults":     func(t *testing.T) { conformance.TestFaults(t, nil) },
		"no storm":      func(t *testing.T) { conformance.TestStorm(t, nil, 0) },
		"nil option":    func(t *testing.T) { conformance.TestStack(t, absent, conformance.Hedged(), nil) },
		"nothing built": func(t *testing.T) { conformance.TestFaults(t, absent) },
		"no layer":      func(t *testing.T) { conformance.TestLayer(t, transport.Layer{}) },
	}
	if isChild(t) {
		for name, run := range suites {
			t.Run(name, run)
		}
		return
	}
	t.Parallel()
	want := map[string]string{
		"no stack":      "conformance.TestStack: build is nil: give a function that builds the stack under test",
		"no faults":     "conformance.TestFaults: build is nil: give a function that builds the stack under test",
		"no storm":      "conformance.TestStorm: build is nil: give a function that builds the stack under test",
		"nil option":    "conformance.TestStack: option 2 is nil: leave it out",
		"nothing built": "building the stack: build returned neither a round tripper nor an error",
		"no layer":      `building a stack of layer "": stack layer 1 ("") is nil: make it with NewLayer or NewLayerFunc`,
	}
	got := failures(t)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !slices.Equal(got[name], []string{want[name]}) {
			t.Errorf("%s: the test failed with %q, want %q", name, got[name], want[name])
		}
	}
}
