package instances_test

import (
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

func TestARegistrationSaysWhatTheAgentRunsOn(t *testing.T) {
	t.Parallel()
	server := prefactortest.NewServer(t)
	cfg := middleware.NewConfig(server.URL, prefactortest.Token)
	cfg.Adapters = []string{"langchaingo@1.2.0", "prefactor-langchaingo@0.3.0"}
	api, err := resources.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	own := &instances.RuntimeEnvironment{AgentSDK: []string{"own@1"}, PrefactorSDK: []string{}, OS: "plan9", Runtime: "tinygo@0.40"}
	current := &instances.RuntimeEnvironment{
		AgentSDK: cfg.Adapters, PrefactorSDK: []string{"prefactor-go@" + transport.Version},
		OS: runtime.GOOS, Runtime: "go@" + strings.TrimPrefix(runtime.Version(), "go"),
	}
	for _, tt := range []struct {
		name          string
		version       *instances.AgentVersion
		want          *instances.RuntimeEnvironment
		withoutParent bool
	}{
		{"filled in", &instances.AgentVersion{ExternalIdentifier: "1"}, current, false},
		{"replaced", &instances.AgentVersion{ExternalIdentifier: "1", RuntimeEnvironment: own}, own, false},
		{"left out", &instances.AgentVersion{ExternalIdentifier: "1", RuntimeEnvironment: &instances.RuntimeEnvironment{}}, nil, false},
		{"without a version", nil, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := api.Instances.Register(t.Context(), instances.RegisterParams{AgentVersion: tt.version}); err != nil {
				t.Fatal(err)
			}
			journal := server.Journal()
			var sent struct {
				AgentVersion *struct {
					RuntimeEnvironment *instances.RuntimeEnvironment `json:"runtime_environment"`
				} `json:"agent_version"`
			}
			if err := rawjson.Object(journal[len(journal)-1].Body).Decode(&sent); err != nil {
				t.Fatal(err)
			}
			if (sent.AgentVersion == nil) != tt.withoutParent {
				t.Fatalf("sent %s", journal[len(journal)-1].Body)
			}
			if sent.AgentVersion != nil && !reflect.DeepEqual(sent.AgentVersion.RuntimeEnvironment, tt.want) {
				t.Errorf("got %+v, want %+v", sent.AgentVersion.RuntimeEnvironment, tt.want)
			}
			if v := tt.version; v != nil && tt.name == "filled in" && v.RuntimeEnvironment != nil {
				t.Error("the caller's version was changed")
			}
		})
	}
}

// WithDefaults may be called again, as on an item of a bulk request.
func TestTheRuntimeEnvironmentIsFilledInOnce(t *testing.T) {
	t.Parallel()
	caller := instances.AgentVersion{ExternalIdentifier: "1"}
	once := instances.RegisterParams{AgentVersion: &caller}.WithDefaults()
	if twice := once.WithDefaults(); !reflect.DeepEqual(once, twice) {
		t.Errorf("once %+v, twice %+v", once.AgentVersion, twice.AgentVersion)
	}
	if !reflect.DeepEqual(once.AgentVersion.RuntimeEnvironment, instances.CurrentRuntime()) || caller.RuntimeEnvironment != nil {
		t.Errorf("filled in: %+v; the caller's: %+v", once.AgentVersion.RuntimeEnvironment, caller.RuntimeEnvironment)
	}
	zero := &instances.RuntimeEnvironment{}
	if left := (instances.RegisterParams{AgentVersion: &instances.AgentVersion{RuntimeEnvironment: zero}}).WithDefaults().WithDefaults(); left.AgentVersion.RuntimeEnvironment != zero {
		t.Errorf("a zero environment became %+v", left.AgentVersion.RuntimeEnvironment)
	}
}

func TestNoAdaptersAreAnEmptyList(t *testing.T) {
	t.Parallel()
	text, err := rawjson.Encode(instances.CurrentRuntime())
	if err != nil || !strings.Contains(string(text), `"agent_sdk":[]`) {
		t.Errorf("got %s, %v", text, err)
	}
	adapters := []string{"a@1"}
	environment := instances.CurrentRuntime(adapters...)
	adapters[0] = "changed"
	if environment.AgentSDK[0] != "a@1" {
		t.Error("the environment shares the caller's list")
	}
}
