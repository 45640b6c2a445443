package resources_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestOpenReportsMistakesInConfigAndEdits(t *testing.T) {
	t.Parallel()
	bad := middleware.NewConfig("", "pf_1")
	bad.MaxRetries, bad.RetryMultiplier = -1, 0
	_, err := resources.Open(bad)
	if !errors.Is(err, errs.ErrClient) || !strings.Contains(err.Error(), "MaxRetries") || !strings.Contains(err.Error(), "RetryMultiplier") {
		t.Errorf("bad config: %v", err)
	}
	_, err = resources.Open(middleware.NewConfig("", "pf_1"), func(s transport.Stack) transport.Stack { return s.Without("retri") })
	if !errors.Is(err, errs.ErrClient) || !strings.Contains(err.Error(), `"retry"`) {
		t.Errorf("bad edit: %v", err)
	}
}

func TestOpenAppliesItsEditsInOrder(t *testing.T) {
	t.Parallel()
	server := prefactortest.NewServer(t)
	mark := func(text string) func(transport.Stack) transport.Stack {
		return func(s transport.Stack) transport.Stack {
			return s.PerCall(transport.NewLayerFunc(text, transport.PerCall, func(req *http.Request, next transport.Next) (*http.Response, error) {
				req.Header.Add("X-Mark", text)
				return next(req)
			}))
		}
	}
	api, err := resources.Open(middleware.NewConfig(server.URL, prefactortest.Token), mark("a"), mark("b"))
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	if _, err := api.Instances.Register(t.Context(), instances.RegisterParams{}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(server.Journal()[0].Header.Values("X-Mark"), " "); got != "a b" {
		t.Errorf("X-Mark = %q", got)
	}
}

func TestAnAPIStaysUsableAfterClose(t *testing.T) {
	t.Parallel()
	server := prefactortest.NewServer(t)
	api, err := resources.Open(middleware.NewConfig(server.URL, prefactortest.Token))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := api.Instances.Register(t.Context(), instances.RegisterParams{}); err != nil {
			t.Fatal(err)
		}
		api.Close()
		api.Close()
	}
	if n := server.Connections(); n != 3 {
		t.Errorf("%d connections for 3 calls with Close between them", n)
	}
}

func TestAnAPIIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	server := prefactortest.NewServer(t)
	api, err := resources.Open(middleware.NewConfig(server.URL, prefactortest.Token))
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	const runs = 30
	var wg sync.WaitGroup
	for range runs {
		wg.Go(func() {
			ctx := t.Context()
			run, err := api.Instances.Register(ctx, instances.RegisterParams{})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := api.Instances.Start(ctx, run.ID, instances.StartParams{}); err != nil {
				t.Error(err)
			}
			step, err := api.Spans.Create(ctx, spans.CreateParams{AgentInstanceID: run.ID, SchemaName: "app:llm"})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := api.Spans.Finish(ctx, step.ID, spans.FinishParams{}); err != nil {
				t.Error(err)
			}
			if _, err := api.Instances.Finish(ctx, run.ID, instances.FinishParams{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if i, s := len(server.Instances()), len(server.Spans()); i != runs || s != runs {
		t.Errorf("%d instances, %d spans", i, s)
	}
}

// The fake refuses every field that the API's documentation doesn't mention.
func TestTheStrictFakeAcceptsEveryField(t *testing.T) {
	t.Parallel()
	fake := prefactortest.New(prefactortest.WithT(t), prefactortest.Strict())
	api := open(t, fake, func(*middleware.Config) {})
	ctx := t.Context()
	at := time.Date(2026, 4, 13, 0, 46, 31, 218e6, time.FixedZone("CEST", 2*60*60))
	object := map[string]any{"type": "object"}

	run, err := api.Instances.Register(ctx, instances.RegisterParams{
		AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID,
		ID: "013xrzp12g3nqk8n0000000000000001", ExternalIdentifier: "nightly-42", Purpose: instances.SmokeTest,
		AgentVersion: &instances.AgentVersion{ExternalIdentifier: "1.4.2", Name: "billing", Description: "d", RuntimeEnvironment: map[string]any{"os": "linux"}},
		AgentSchemaVersion: &instances.AgentSchemaVersion{
			ExternalIdentifier: "s1",
			SpanTypeSchemas:    []instances.SpanTypeSchema{{Name: "app:llm", ParamsSchema: object, ResultSchema: object, DataRisk: &instances.DataRisk{}}},
			QualitySchemas:     []instances.QualitySchema{{Name: "answer", Schema: object}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if run.ExternalIdentifier != "nightly-42" || run.Purpose != instances.SmokeTest || run.SpanCounts == nil {
		t.Errorf("registered %+v", run)
	}
	if run, err = api.Instances.Start(ctx, run.ID, instances.StartParams{Timestamp: at}); err != nil || !run.StartedAt.Equal(at) {
		t.Errorf("started %+v, %v", run, err)
	}
	step, err := api.Spans.Create(ctx, spans.CreateParams{
		AgentInstanceID: run.ID, SchemaName: "app:llm", ID: "013xrzp12g3nqk8n0000000000000002",
		Payload: object, StartedAt: at, SensitiveEncoding: true,
	})
	if err != nil || !step.SensitiveEncoding || !step.StartedAt.Equal(at) {
		t.Fatalf("created %+v, %v", step, err)
	}
	if _, err := api.Spans.Create(ctx, spans.CreateParams{
		AgentInstanceID: run.ID, SchemaName: "app:llm", Status: spans.Complete, ParentSpanID: step.ID,
		Payload: object, ResultPayload: object, StartedAt: at, FinishedAt: at.Add(time.Second),
	}); err != nil {
		t.Error(err)
	}
	if _, err := api.Spans.Finish(ctx, step.ID, spans.FinishParams{Status: spans.Failed, ResultPayload: object, Timestamp: at, SensitiveEncoding: true}); err != nil {
		t.Error(err)
	}
	if run, err = api.Instances.Finish(ctx, run.ID, instances.FinishParams{Status: instances.Complete, Timestamp: at}); err != nil || run.SpanCounts.Finished != 2 {
		t.Errorf("finished %+v, %v", run, err)
	}
}

func TestASpanOfATerminatedRunHasControl(t *testing.T) {
	t.Parallel()
	fake := prefactortest.New()
	api := open(t, fake, func(*middleware.Config) {})
	ctx := t.Context()
	run, err := api.Instances.Register(ctx, instances.RegisterParams{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.Instances.Start(ctx, run.ID, instances.StartParams{}); err != nil {
		t.Fatal(err)
	}
	fake.Terminate(run.ID, "budget")
	step, err := api.Spans.Create(ctx, spans.CreateParams{AgentInstanceID: run.ID, SchemaName: "app:llm"})
	if err != nil || step.Control == nil || !step.Control.Terminate || step.Control.Reason != "budget" {
		t.Errorf("got %+v, %v", step, err)
	}
}
