package instances

import (
	"runtime"
	"strings"

	"github.com/prefactordev/prefactor-go/transport"
)

// RuntimeEnvironment is what an agent's code runs on.
type RuntimeEnvironment struct {
	AgentSDK     []string `json:"agent_sdk"`     // adapters between the agent and this module, such as "langchaingo@1.2.0"
	PrefactorSDK []string `json:"prefactor_sdk"` // this module, such as "prefactor-go@0.1.0"
	OS           string   `json:"os"`            // such as "linux"
	Runtime      string   `json:"runtime"`       // such as "go@1.26.8"
}

// CurrentRuntime returns the environment of this program, with the adapters that it
// uses.
func CurrentRuntime(adapters ...string) *RuntimeEnvironment {
	return &RuntimeEnvironment{
		AgentSDK:     append([]string{}, adapters...),
		PrefactorSDK: []string{"prefactor-go@" + transport.Version},
		OS:           runtime.GOOS,
		Runtime:      "go@" + strings.TrimPrefix(runtime.Version(), "go"),
	}
}

// IsZero reports whether nothing is known of the environment, which is left out
// then.
func (r *RuntimeEnvironment) IsZero() bool {
	return r == nil || len(r.AgentSDK) == 0 && len(r.PrefactorSDK) == 0 && r.OS == "" && r.Runtime == ""
}
