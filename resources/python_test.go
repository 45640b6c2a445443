package resources_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

// The tests in this file check, through the default stack, what the authors of the
// Python package prefactor_http test in it. Their tests of the config are in
// middleware, those of params and models in instances and spans, and those of bulk
// requests in bulk.

// whenever runs test in virtual time, with a fake that injects the faults and an API
// that talks to it.
func whenever(t *testing.T, test func(*testing.T, *prefactortest.Fake, *resources.API), faults ...prefactortest.Fault) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		fake := prefactortest.New(prefactortest.WithT(t))
		fake.Inject(faults...)
		test(t, fake, open(t, fake, func(*middleware.Config) {}))
	})
}

// open returns an API that talks to the fake through the default stack.
func open(t *testing.T, fake *prefactortest.Fake, change func(*middleware.Config)) *resources.API {
	t.Helper()
	cfg := middleware.NewConfig("http://localhost", prefactortest.Token)
	change(&cfg)
	rt, err := middleware.Default(cfg).RoundTripper(fake.RoundTripper())
	if err != nil {
		t.Fatal(err)
	}
	client, err := transport.NewClient(cfg.APIURL, rt)
	if err != nil {
		t.Fatal(err)
	}
	return resources.New(client)
}

// members returns the top-level members of a JSON object.
func members(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

var post = transport.Request{Method: http.MethodPost, Path: "/agent_instance/register", Body: map[string]any{"agent_id": "test"}}

func TestACallersKeyIsInHeaderAndBody(t *testing.T) {
	t.Parallel()
	whenever(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		if _, err := api.Client.Do(t.Context(), post, transport.WithIdempotencyKey("test-idempotency-key-123")); err != nil {
			t.Fatal(err)
		}
		if x := fake.Journal()[0]; x.HeaderKey != "test-idempotency-key-123" || x.BodyKey != x.HeaderKey {
			t.Errorf("header %q, body %q", x.HeaderKey, x.BodyKey)
		}
	})
}

func TestOnlyWritesHaveAKey(t *testing.T) {
	t.Parallel()
	whenever(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		if _, err := api.Client.Do(t.Context(), post); err != nil {
			t.Fatal(err)
		}
		if _, err := api.Client.Do(t.Context(), transport.Request{Method: http.MethodGet, Path: "/ping"}); err != nil {
			t.Fatal(err)
		}
		write, read := fake.Journal()[0], fake.Journal()[1]
		if len(write.HeaderKey) != 36 || write.BodyKey != write.HeaderKey {
			t.Errorf("write: header %q, body %q", write.HeaderKey, write.BodyKey)
		}
		if read.HeaderKey != "" || len(read.Body) != 0 {
			t.Errorf("read: header %q, body %s", read.HeaderKey, read.Body)
		}
	})
}

func TestTheKeyIsTheSameOnEveryAttempt(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "unique-idempotency-key-abc123"} {
		whenever(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
			var options []transport.Option
			if key != "" {
				options = append(options, transport.WithIdempotencyKey(key))
			}
			if _, err := api.Client.Do(t.Context(), post, options...); err != nil {
				t.Fatal(err)
			}
			attempts := fake.Journal()
			if len(attempts) != 3 {
				t.Fatalf("%d attempts", len(attempts))
			}
			for _, x := range attempts {
				if x.HeaderKey == "" || x.HeaderKey != attempts[0].HeaderKey || string(x.Body) != string(attempts[0].Body) {
					t.Errorf("attempt %d: key %q, body %s", x.Number, x.HeaderKey, x.Body)
				}
				if key != "" && x.HeaderKey != key {
					t.Errorf("attempt %d: key %q", x.Number, x.HeaderKey)
				}
			}
			if n := len(fake.Instances()); n != 1 {
				t.Errorf("%d instances", n)
			}
		}, prefactortest.On("*").ResetBefore(), prefactortest.On("*").ResetAfter())
	}
}

func TestErrorStatusesHaveKinds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status int
		body   string
		check  func(error) bool
	}{
		{401, `{"code":"unauthorized","message":"Invalid credentials"}`, func(err error) bool {
			auth, ok := errors.AsType[*errs.AuthError](err)
			return ok && auth.Status == 401 && auth.Message == "Invalid credentials"
		}},
		{403, `{"code":"forbidden"}`, func(err error) bool {
			auth, ok := errors.AsType[*errs.AuthError](err)
			return ok && auth.Status == 403
		}},
		{404, `{"code":"not_found","message":"Resource not found"}`, func(err error) bool {
			missing, ok := errors.AsType[*errs.NotFoundError](err)
			return ok && missing.Status == 404 && missing.Code == "not_found"
		}},
		{409, `{"code":"invalid_action","message":"already finished"}`, func(err error) bool {
			conflict, ok := errors.AsType[*errs.ConflictError](err)
			return ok && conflict.Code == "invalid_action"
		}},
		{422, `{"code":"validation_error","message":"Invalid input","errors":{"agent_id":["Required field"],"schema_name":["Invalid schema"]}}`, func(err error) bool {
			invalid, ok := errors.AsType[*errs.ValidationError](err)
			return ok && invalid.Status == 422 && fmt.Sprint(invalid.Fields) == "[agent_id: Required field schema_name: Invalid schema]"
		}},
		{400, `{"code":"bad_request"}`, func(err error) bool { return errors.Is(err, errs.ErrValidation) }},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.status), func(t *testing.T) {
			t.Parallel()
			whenever(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
				_, err := api.Client.Do(t.Context(), post)
				if !test.check(err) {
					t.Errorf("got %v", err)
				}
				if n := len(fake.Journal()); n != 1 {
					t.Errorf("%d attempts", n)
				}
			}, prefactortest.On("*").Reply(test.status).Body(test.body))
		})
	}
}

func TestAfterTheLastAttemptTheErrorWrapsTheLastFailure(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault prefactortest.Fault
		last  func(error) bool
	}{
		{"network error", prefactortest.On("*").Times(4).ResetBefore(), func(err error) bool {
			lost, ok := errors.AsType[*errs.NetworkError](err)
			return ok && !lost.Timeout()
		}},
		{"timeout", prefactortest.On("*").Times(4).Hang(), func(err error) bool {
			lost, ok := errors.AsType[*errs.NetworkError](err)
			return ok && lost.Timeout()
		}},
		{"a page under 503", prefactortest.On("*").Times(4).HTML(503), func(err error) bool {
			contract, ok := errors.AsType[*errs.ContractError](err)
			return ok && contract.Status == 503 && strings.Contains(contract.Snippet(), "<")
		}},
		{"a broken document under 500", prefactortest.On("*").Times(4).Malformed(500), func(err error) bool {
			contract, ok := errors.AsType[*errs.ContractError](err)
			return ok && contract.Status == 500
		}},
		{"an error under 503", prefactortest.On("*").Times(4).Reply(503), func(err error) bool {
			api, ok := errors.AsType[*errs.APIError](err)
			return ok && api.Status == 503
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			whenever(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
				_, err := api.Client.Do(t.Context(), post)
				exhausted, ok := errors.AsType[*errs.RetryExhaustedError](err)
				if !ok || exhausted.Reason != errs.ReasonAttempts || !test.last(exhausted.Last) {
					t.Errorf("got %v", err)
				}
				if n := len(fake.Journal()); n != 4 {
					t.Errorf("%d attempts, want 1 and 3 retries", n)
				}
				if !strings.Contains(fmt.Sprint(err), "4 attempts") {
					t.Errorf("the error doesn't give the number of attempts: %v", err)
				}
			}, test.fault)
		})
	}
}

func TestWithoutRetriesTheErrorIsThatOfTheAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := prefactortest.New(prefactortest.WithT(t))
		fake.Inject(prefactortest.On("*").Reply(503))
		api := open(t, fake, func(cfg *middleware.Config) { cfg.MaxRetries = 0 })
		_, err := api.Client.Do(t.Context(), post)
		if unavailable, ok := errors.AsType[*errs.APIError](err); !ok || unavailable.Status != 503 || errors.Is(err, errs.ErrExhausted) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAMalformedSuccessIsNotRetried(t *testing.T) {
	t.Parallel()
	whenever(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		_, err := api.Client.Do(t.Context(), post)
		contract, ok := errors.AsType[*errs.ContractError](err)
		if !ok || contract.Status != 200 || !strings.Contains(contract.Snippet(), "<html>ok</html>") || errors.Is(err, errs.ErrExhausted) {
			t.Errorf("got %v", err)
		}
		if n := len(fake.Journal()); n != 1 {
			t.Errorf("%d attempts, want 1: the call may have been applied", n)
		}
	}, prefactortest.On("*").Reply(200).Body("<html>ok</html>"))
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	const sdk = "X-Prefactor-SDK"
	own := "prefactor-go@" + transport.Version
	tests := []struct {
		name    string
		change  func(*middleware.Config)
		options []transport.Option
		want    string
	}{
		{"by default", func(*middleware.Config) {}, nil, own},
		{"with adapters", func(cfg *middleware.Config) { cfg.Adapters = []string{"@acme/agent@1.2.3", "test-sdk@0.0.0"} }, nil, "@acme/agent@1.2.3 test-sdk@0.0.0 " + own},
		{"overridden", func(*middleware.Config) {}, []transport.Option{transport.WithHeader(sdk, "test-sdk@0.0.0")}, "test-sdk@0.0.0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			fake := prefactortest.New()
			if _, err := open(t, fake, test.change).Client.Do(t.Context(), post, test.options...); err != nil {
				t.Fatal(err)
			}
			h := fake.Journal()[0].Header
			if got := h.Get(sdk); got != test.want {
				t.Errorf("%s = %q, want %q", sdk, got, test.want)
			}
			if got := h.Get("Authorization"); got != "Bearer "+prefactortest.Token {
				t.Errorf("Authorization = %q", got)
			}
			if h.Get("Accept") != "application/json" || h.Get("Content-Type") != "application/json" || h.Get("User-Agent") != "prefactor-go/"+transport.Version {
				t.Errorf("header = %v", h)
			}
		})
	}
}

func TestRegister(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		params  instances.RegisterParams
		want    map[string]any
		without []string
	}{
		{"with agent and environment", instances.RegisterParams{AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID},
			map[string]any{"agent_id": prefactortest.AgentID, "environment_id": prefactortest.EnvironmentID}, nil},
		{"without agent and environment", instances.RegisterParams{}, nil, []string{"agent_id", "environment_id"}},
		{"update_current_version by default", instances.RegisterParams{}, map[string]any{"update_current_version": true}, nil},
		{"update_current_version false", instances.RegisterParams{UpdateCurrentVersion: new(false)}, map[string]any{"update_current_version": false}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			fake := prefactortest.New()
			instance, err := open(t, fake, func(*middleware.Config) {}).Instances.Register(t.Context(), test.params)
			if err != nil {
				t.Fatal(err)
			}
			if instance.AgentID != prefactortest.AgentID || instance.Status != instances.Pending {
				t.Errorf("instance = %+v", instance)
			}
			sent := members(t, fake.Journal()[0].Body)
			for name, want := range test.want {
				if sent[name] != want {
					t.Errorf("%s = %v, want %v", name, sent[name], want)
				}
			}
			for _, name := range test.without {
				if value, ok := sent[name]; ok {
					t.Errorf("%s = %v, want none", name, value)
				}
			}
		})
	}
}

func TestFinish(t *testing.T) {
	t.Parallel()
	fake := prefactortest.New()
	api := open(t, fake, func(*middleware.Config) {})
	ctx := t.Context()
	begin := func() *instances.Instance {
		run, err := api.Instances.Register(ctx, instances.RegisterParams{})
		if err == nil {
			run, err = api.Instances.Start(ctx, run.ID, instances.StartParams{})
		}
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	last := func() map[string]any {
		journal := fake.Journal()
		return members(t, journal[len(journal)-1].Body)
	}

	finished, err := api.Instances.Finish(ctx, begin().ID, instances.FinishParams{Status: instances.Failed})
	if err != nil || finished.Status != instances.Failed || last()["status"] != "failed" {
		t.Errorf("with a status: %+v, %v, sent %v", finished, err, last())
	}
	run := begin()
	finished, err = api.Instances.Finish(ctx, run.ID, instances.FinishParams{})
	if _, ok := last()["status"]; err != nil || finished.Status != instances.Complete || ok {
		t.Errorf("without a status: %+v, %v, sent %v", finished, err, last())
	}
	if _, err := api.Instances.Finish(ctx, run.ID, instances.FinishParams{}); !errors.Is(err, errs.ErrConflict) {
		t.Errorf("a second time: %v, want a ConflictError", err)
	}
}

func TestSpans(t *testing.T) {
	t.Parallel()
	fake := prefactortest.New(prefactortest.WithT(t))
	api := open(t, fake, func(*middleware.Config) {})
	ctx := t.Context()
	run, err := api.Instances.Register(ctx, instances.RegisterParams{})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := api.Spans.Create(ctx, spans.CreateParams{
		AgentInstanceID: run.ID, SchemaName: "tool_call", Status: spans.Complete,
		Payload: map[string]any{"tool": "search"}, ResultPayload: map[string]any{"output": "hello"},
	})
	if err != nil || whole.ResultPayload.String() != `{"output":"hello"}` || whole.Status != spans.Complete {
		t.Errorf("created complete: %+v, %v", whole, err)
	}
	step, err := api.Spans.Create(ctx, spans.CreateParams{AgentInstanceID: run.ID, SchemaName: "tool_call", ParentSpanID: whole.ID})
	if err != nil || step.Status != spans.Active || step.Payload.String() != `{}` {
		t.Fatalf("created active: %+v, %v", step, err)
	}
	done, err := api.Spans.Finish(ctx, step.ID, spans.FinishParams{Status: spans.Failed, ResultPayload: map[string]any{"result": 42}})
	if err != nil || done.Status != spans.Failed || done.ResultPayload.String() != `{"result":42}` {
		t.Errorf("finished: %+v, %v", done, err)
	}
	if _, err := api.Spans.Finish(ctx, step.ID, spans.FinishParams{}); !errors.Is(err, errs.ErrConflict) {
		t.Errorf("finished twice: %v, want a ConflictError", err)
	}
	waiting, err := api.Spans.Create(ctx, spans.CreateParams{AgentInstanceID: run.ID, SchemaName: "tool_call", Status: spans.Pending})
	if err != nil {
		t.Fatal(err)
	}
	if off, err := api.Spans.Finish(ctx, waiting.ID, spans.FinishParams{Status: spans.Cancelled}); err != nil || off.Status != spans.Cancelled {
		t.Errorf("cancelled: %+v, %v", off, err)
	}
}

func TestEveryOperationAcceptsKeysOfUpTo64Characters(t *testing.T) {
	t.Parallel()
	operations := map[string]func(context.Context, *resources.API, transport.Option) error{
		"register": func(ctx context.Context, api *resources.API, key transport.Option) error {
			_, err := api.Instances.Register(ctx, instances.RegisterParams{}, key)
			return err
		},
		"start": func(ctx context.Context, api *resources.API, key transport.Option) error {
			_, err := api.Instances.Start(ctx, "inst-1", instances.StartParams{}, key)
			return err
		},
		"finish an instance": func(ctx context.Context, api *resources.API, key transport.Option) error {
			_, err := api.Instances.Finish(ctx, "inst-1", instances.FinishParams{}, key)
			return err
		},
		"create": func(ctx context.Context, api *resources.API, key transport.Option) error {
			_, err := api.Spans.Create(ctx, spans.CreateParams{AgentInstanceID: "inst-1", SchemaName: "tool_call"}, key)
			return err
		},
		"finish a span": func(ctx context.Context, api *resources.API, key transport.Option) error {
			_, err := api.Spans.Finish(ctx, "span-1", spans.FinishParams{}, key)
			return err
		},
	}
	for name, call := range operations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := prefactortest.New()
			fake.Inject(prefactortest.On("*").Reply(200).Body(`{"status":"success","details":{"id":"x"}}`))
			api := open(t, fake, func(*middleware.Config) {})
			if err := call(t.Context(), api, transport.WithIdempotencyKey(strings.Repeat("a", 65))); !errors.Is(err, errs.ErrClient) || !strings.Contains(err.Error(), "64 visible ASCII characters") {
				t.Errorf("65 characters: %v", err)
			}
			if n := len(fake.Journal()); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
			if err := call(t.Context(), api, transport.WithIdempotencyKey(strings.Repeat("a", 64))); err != nil {
				t.Errorf("64 characters: %v", err)
			}
		})
	}
}

func TestAResponseWithMissingFieldsIsASuccess(t *testing.T) {
	t.Parallel()
	fake := prefactortest.New()
	fake.Inject(prefactortest.On("*").Always().Reply(200).Body(`{"details":{"id":"x"}}`))
	api := open(t, fake, func(*middleware.Config) {})
	if got, err := api.Instances.Register(t.Context(), instances.RegisterParams{}); err != nil || got.ID != "x" || got.SpanCounts != nil {
		t.Errorf("instance: %+v, %v", got, err)
	}
	if got, err := api.Spans.Create(t.Context(), spans.CreateParams{AgentInstanceID: "i", SchemaName: "n"}); err != nil || got.ID != "x" || got.Control != nil {
		t.Errorf("span: %+v, %v", got, err)
	}
}

func TestTheDelayGrowsUpToItsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := prefactortest.New(prefactortest.WithT(t))
		fake.Inject(prefactortest.On("*").Times(7).Reply(503))
		api := open(t, fake, func(cfg *middleware.Config) { cfg.MaxRetries, cfg.MaxRetryDelay = 6, 30*time.Second })
		_, err := api.Client.Do(t.Context(), post)
		if !errors.Is(err, errs.ErrExhausted) {
			t.Fatal(err)
		}
		journal := fake.Journal()
		for n, base := range []time.Duration{1, 2, 4, 8, 16, 30} {
			wait := journal[n+1].Time.Sub(journal[n].Time)
			if base *= time.Second; wait < base*3/4 || wait > min(base*5/4, 30*time.Second) {
				t.Errorf("wait %d took %s, want about %s", n+1, wait, base)
			}
		}
	})
}
