package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// controls keeps what OnControl reports.
type controls struct {
	mu  sync.Mutex
	all []middleware.Control
}

func (c *controls) add(_ context.Context, one middleware.Control) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, one)
}

// answeringWith is a base that responds to every request with status and body.
func answeringWith(status int, body func() string) baseFunc {
	return func(req *http.Request) (*http.Response, error) {
		resp, err := succeeding(req)
		resp.StatusCode = status
		resp.Body = http.NoBody
		if text := body(); text != "" {
			resp.Body = &tracked{Reader: strings.NewReader(text)}
		}
		return resp, err
	}
}

func TestOnControlReportsRunsThatShouldEnd(t *testing.T) {
	t.Parallel()
	const details = `"details":{"id":"span","agent_instance_id":"run"}`
	run := func(reason string) []middleware.Control {
		return []middleware.Control{{InstanceID: "run", Reason: reason}}
	}
	tests := map[string]struct {
		status int
		body   string
		want   []middleware.Control
	}{
		"terminate with a reason":     {200, `{"status":"success",` + details + `,"control":{"terminate":true,"reason":"over \u0022budget\u0022"}}`, run(`over "budget"`)},
		"terminate without a reason":  {200, `{"status":"success",` + details + `,"control":{"terminate":true,"reason":null}}`, run("")},
		"before the details":          {200, `{"control":{"terminate":true},` + details + `}`, run("")},
		"a numeric reason":            {200, `{` + details + `,"control":{"terminate":true,"reason":7}}`, run("")},
		"no control":                  {200, `{"status":"success",` + details + `}`, nil},
		"terminate false":             {200, `{` + details + `,"control":{"terminate":false,"reason":"x"}}`, nil},
		"terminate isn't a boolean":   {200, `{` + details + `,"control":{"terminate":"true"}}`, nil},
		"control is null":             {200, `{` + details + `,"control":null}`, nil},
		"control is a text":           {200, `{` + details + `,"control":"terminate"}`, nil},
		"control is a list":           {200, `{` + details + `,"control":[{"terminate":true}]}`, nil},
		"control is true":             {200, `{` + details + `,"control":true}`, nil},
		"control in a payload":        {200, `{"details":{"agent_instance_id":"run","payload":{"control":{"terminate":true}}}}`, nil},
		"details without an instance": {200, `{"details":{"id":"span"},"control":{"terminate":true}}`, nil},
		"details of another type":     {200, `{"details":[],"control":{"terminate":true}}`, nil},
		"a numeric instance":          {200, `{"details":{"agent_instance_id":5},"control":{"terminate":true}}`, nil},
		"no details":                  {200, `{"control":{"terminate":true}}`, nil},
		"an error":                    {409, `{"status":"error",` + details + `,"control":{"terminate":true}}`, nil},
		"broken JSON":                 {200, `{` + details + `,"control":{"terminate":true}`, nil},
		"no body":                     {204, ``, nil},
		"in a bulk response": {200, `{"status":"success","outputs":{"key":{"status":"success",` + details + `,"control":{"terminate":true,"reason":"r"}},
			"other":{"status":"error","code":"x"}}}`, run("r")},
		"in a bulk response, beside outputs of other types": {200, `{"outputs":{"a":"gone","b":7,"c":[],"key":{` + details + `,"control":{"terminate":true,"reason":"r"}}}}`, run("r")},
		"outputs of another type":                           {200, `{"outputs":[{"control":{"terminate":true}}]}`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := new(controls)
			const url = "https://prefactor.test"
			stack := middleware.Default(middleware.NewConfig(url, "token")).PerCall(middleware.OnControl(got.add))
			client := newClient(t, stack, url, answeringWith(tt.status, func() string { return tt.body }))
			for range 2 { // once an instance
				_ = write(t.Context(), client)
			}
			if !slices.Equal(got.all, tt.want) {
				t.Errorf("got %v, want %v", got.all, tt.want)
			}
		})
	}
}

func TestOnControlReportsBeforeTheCallReturnsAndKeepsTheResponse(t *testing.T) {
	t.Parallel()
	const body = `{"status":"success","details":{"agent_instance_id":"run"},"control":{"terminate":true}}`
	var during *transport.Call
	layer := middleware.OnControl(func(ctx context.Context, _ middleware.Control) { during = transport.CallFrom(ctx) })
	const url = "https://prefactor.test"
	client := newClient(t, transport.NewStack(layer), url, answeringWith(200, func() string { return body }))
	result, err := client.Do(t.Context(), transport.Request{Method: http.MethodPost, Path: "/agent_spans"})
	if err != nil || string(result.Document) != body {
		t.Errorf("%s, %v; want the response unchanged", result.Document, err)
	}
	if during.Route() != "/agent_spans" {
		t.Errorf("the function saw the call %q, want the one whose response it was", during.Route())
	}
}

func TestOnControlReportsEachInstanceOnceUnderConcurrentWrites(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		got := new(controls)
		client := s.retrying(perCall(middleware.OnControl(got.add)))
		var ids []string
		for i := range 3 {
			id := start(t, client, fmt.Sprint(i))
			s.fake.Terminate(id, "stop "+fmt.Sprint(i))
			ids = append(ids, id)
		}
		var all sync.WaitGroup
		for _, id := range slices.Repeat(ids, 16) {
			all.Go(func() {
				if err := step(t.Context(), client, id); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		slices.SortFunc(got.all, func(a, b middleware.Control) int { return strings.Compare(a.Reason, b.Reason) })
		var want []middleware.Control
		for i, id := range ids {
			want = append(want, middleware.Control{InstanceID: id, Reason: "stop " + fmt.Sprint(i)})
		}
		if !slices.Equal(got.all, want) {
			t.Errorf("got %v, want %v", got.all, want)
		}
	})
}

func TestOnControlForgetsTheOldestInstances(t *testing.T) {
	t.Parallel()
	id := 0
	got := new(controls)
	const url = "https://prefactor.test"
	client := newClient(t, transport.NewStack(middleware.OnControl(got.add)), url, answeringWith(200, func() string {
		return fmt.Sprintf(`{"details":{"agent_instance_id":"run %d"},"control":{"terminate":true}}`, id)
	}))
	ended := func(n int) int {
		id = n
		before := len(got.all)
		if err := write(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		return len(got.all) - before
	}
	for n := range 1025 {
		ended(n)
	}
	if ended(1) != 0 || ended(1024) != 0 || ended(0) != 1 {
		t.Error("want the last 1024 instances remembered, and the one before them forgotten")
	}
}

func TestOnControlAllocatesNothingWithoutAControl(t *testing.T) {
	layer := middleware.OnControl(func(context.Context, middleware.Control) {})
	if n := layerAllocations(t, perCall(layer)); n != 0 {
		t.Errorf("it costs %v allocations, want none", n)
	}
}

func TestOnControlRefusesANilFunction(t *testing.T) {
	t.Parallel()
	if _, err := transport.NewStack(middleware.OnControl(nil)).RoundTripper(http.DefaultTransport); err == nil {
		t.Error("want an error")
	}
}

// start starts a run, and returns its id.
func start(t *testing.T, client *transport.Client, name string) string {
	t.Helper()
	op := transport.NewOp[struct {
		Details struct {
			ID string `json:"id"`
		} `json:"details"`
	}]("agent_instances.register", http.MethodPost, "/agent_instance/register")
	run, err := op.Do(t.Context(), client, transport.Input{Body: map[string]any{
		"agent_id": prefactortest.AgentID, "environment_id": prefactortest.EnvironmentID, "external_identifier": name,
		"agent_version": map[string]any{"external_identifier": "1"}, "agent_schema_version": map[string]any{"external_identifier": "1"},
	}})
	if err == nil {
		_, err = client.Do(t.Context(), transport.Request{Method: http.MethodPost, Path: "/agent_instance/{id}/start", Values: []string{run.Details.ID}, Body: struct{}{}})
	}
	if err != nil {
		t.Error(err)
		return ""
	}
	return run.Details.ID
}

// step writes a span of a run.
func step(ctx context.Context, client *transport.Client, id string) error {
	_, err := client.Do(ctx, transport.Request{Method: http.MethodPost, Path: "/agent_spans", Body: map[string]any{"details": map[string]any{
		"agent_instance_id": id, "schema_name": "app:llm", "status": "active", "payload": struct{}{},
	}}})
	return err
}
