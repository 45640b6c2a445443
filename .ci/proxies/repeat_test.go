package proxies_test

import (
	"testing"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
)

// A proxy that is set up to repeat requests repeats those without a key too. The
// API acts once on a request that has one.
func TestAProxyThatRepeats(t *testing.T) {
	api := newAPI(t, nil)
	front := newHAProxy(t, api.addr, "\tuse_backend repeated", `
backend repeated
	retries 1
	retry-on empty-response
	server api `+api.addr)
	url := "http://" + front.plain
	cfg := middleware.NewConfig(url, prefactortest.Token)
	cfg.MaxRetries = 0 // only haproxy repeats
	base := middleware.NewBase(cfg, direct)
	defer base.CloseIdleConnections()
	keyed := connect(t, middleware.Default(cfg), url, base)
	keyless := connect(t, middleware.Default(cfg).Without("idempotency"), url, base)
	instance, err := keyed.Instances.Register(t.Context(), instances.RegisterParams{AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		spans *spans.Service
		holds int
	}{"with a key": {keyed.Spans, 1}, "without a key": {keyless.Spans, 2}} {
		api.Inject(prefactortest.On("agent_spans.create").CloseAfter())
		before := len(api.Spans())
		if _, err := tt.spans.Create(t.Context(), spans.CreateParams{AgentInstanceID: instance.ID, SchemaName: "step"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := len(api.Spans()) - before; got != tt.holds {
			t.Errorf("%s: the API holds %d spans, want %d", name, got, tt.holds)
		}
	}
}
