package bulk_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources/bulk"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/internal/wiretest"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

// answering returns a Service on a fake that returns document for every call, and
// the fake.
func answering(t *testing.T, document string) (*bulk.Service, *prefactortest.Fake) {
	t.Helper()
	client, fake := wiretest.Answering(t, document)
	return bulk.New(client), fake
}

func TestExecuteSendsTheGoldenBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testGoldenBody) // where it is the year 2000
}

func testGoldenBody(t *testing.T) {
	service, fake := answering(t, `{"status":"success","outputs":{}}`)
	_, err := service.Execute(t.Context(), bulk.Request{Items: []bulk.Item{
		bulk.RegisterInstance("register-1", instances.RegisterParams{AgentID: "agent-1"}),
		bulk.StartInstance("start-01", "inst-1", instances.StartParams{Timestamp: time.Date(2026, 4, 13, 0, 46, 31, 0, time.UTC)}),
		bulk.CreateSpan("create-1", spans.CreateParams{AgentInstanceID: "inst-1", SchemaName: "app:llm"}),
		bulk.FinishSpan("finish-1", "span-1", spans.FinishParams{Status: spans.Failed, ResultPayload: map[string]any{"n": int64(1<<53 + 1)}}),
		bulk.FinishInstance("finish-2", "inst-1", instances.FinishParams{Status: instances.Complete}),
		bulk.NewItem("agents/create", "create-agent-001", map[string]any{"environment_id": "env_123", "details": map[string]any{"name": "New Agent"}}),
		bulk.NewItem("agents/list", "list-agents-001", nil),
	}}, transport.WithIdempotencyKey(wiretest.Key))
	if err != nil {
		t.Fatal(err)
	}
	wiretest.CheckSent(t, fake.Journal()[0], "POST", "/bulk", "execute")
}

// Params that came from the API go out as they came.
func TestParamsMayHoldANameTwice(t *testing.T) {
	t.Parallel()
	for params, want := range map[string]string{
		`{}`:                          `{"_type":"x/y","idempotency_key":"key-0001"}`,
		`{"a":1,"a":2}`:               `{"_type":"x/y","idempotency_key":"key-0001","a":1,"a":2}`,
		`{"payload":{"b":[],"b":{}}}`: `{"_type":"x/y","idempotency_key":"key-0001","payload":{"b":[],"b":{}}}`,
	} {
		service, fake := answering(t, `{"status":"success","outputs":{}}`)
		item := bulk.NewItem("x/y", "key-0001", jsontext.Value(params))
		if _, err := service.Execute(t.Context(), bulk.Request{Items: []bulk.Item{item}}); err != nil {
			t.Errorf("%s: %v", params, err)
			continue
		}
		if got := string(fake.Journal()[0].Body); got != `{"items":[`+want+`]}` {
			t.Errorf("%s: sent %s", params, got)
		}
	}
}

func TestRequestsAreCheckedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	good := bulk.NewItem("agents/list", "list-key-001", nil)
	keyed := func(key string) bulk.Item { return bulk.Item{Type: "agents/list", Key: key} }
	span := spans.CreateParams{AgentInstanceID: "inst-1", SchemaName: "app:llm"}
	noSchema, badPayload := span, span
	noSchema.SchemaName = ""
	badPayload.Payload = map[string]any{"f": func() {}}
	tests := []struct {
		name, field string
		items       []bulk.Item
	}{
		{"no items", "items", nil},
		{"no items, as a list", "items", []bulk.Item{}},
		{"an empty item", "items[1]._type", []bulk.Item{good, {}}},
		{"no type", "items[0]._type", []bulk.Item{bulk.NewItem("", "list-key-001", nil)}},
		{"no key", "items[0].idempotency_key", []bulk.Item{keyed("")}},
		{"a key of 7 characters", "items[0].idempotency_key", []bulk.Item{keyed("1234567")}},
		{"a key of 65 characters", "items[0].idempotency_key", []bulk.Item{keyed(strings.Repeat("a", 65))}},
		{"a key with a space", "items[0].idempotency_key", []bulk.Item{keyed("list key 001")}},
		{"a key twice", "items[2].idempotency_key", []bulk.Item{good, keyed("list-key-002"), good}},
		{"a type in the params", "items[0].params", []bulk.Item{bulk.NewItem("agents/list", "", map[string]any{"_type": "agents/list"})}},
		{"a key in the params", "items[0].params", []bulk.Item{bulk.NewItem("agents/list", "", map[string]any{"idempotency_key": "list-key-001"})}},
		{"params that are a list", "items[1].params", []bulk.Item{good, bulk.NewItem("agents/list", "", []int{1})}},
		{"params that can't be encoded", "items[0].params.f", []bulk.Item{bulk.NewItem("agents/list", "", map[string]any{"f": func() {}})}},
		{"start without an instance", "items[0].agent_instance_id", []bulk.Item{bulk.StartInstance("", "", instances.StartParams{})}},
		{"finish without an instance", "items[0].agent_instance_id", []bulk.Item{bulk.FinishInstance("", "", instances.FinishParams{})}},
		{"finish an instance as active", "items[0].status", []bulk.Item{bulk.FinishInstance("", "i", instances.FinishParams{Status: instances.Active})}},
		{"register with a nameless span type", "items[0].agent_schema_version.span_type_schemas[0].name", []bulk.Item{bulk.RegisterInstance("", instances.RegisterParams{
			AgentSchemaVersion: &instances.AgentSchemaVersion{SpanTypeSchemas: make([]instances.SpanTypeSchema, 1)}})}},
		{"create a span without a schema", "items[0].schema_name", []bulk.Item{bulk.CreateSpan("", noSchema)}},
		{"create a span with a payload that can't be encoded", "items[0].params.payload.f", []bulk.Item{bulk.CreateSpan("", badPayload)}},
		{"finish without a span", "items[0].agent_span_id", []bulk.Item{bulk.FinishSpan("", "", spans.FinishParams{})}},
		{"finish a span as pending", "items[0].status", []bulk.Item{bulk.FinishSpan("", "s", spans.FinishParams{Status: spans.Pending})}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			service, fake := answering(t, `{"status":"success","outputs":{}}`)
			_, err := service.Execute(t.Context(), bulk.Request{Items: test.items})
			fault, ok := errors.AsType[*errs.ClientError](err)
			if !ok {
				t.Fatalf("got %v, want a ClientError", err)
			}
			if fault.Field != test.field {
				t.Errorf("Field = %q, want %q (%v)", fault.Field, test.field, err)
			}
			if _, ok := errors.AsType[*errs.Error](err); !ok || errs.MaybeApplied(err) {
				t.Errorf("%T doesn't say that nothing was applied", err)
			}
			if n := len(fake.Journal()); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
}

func TestTheErrorOfAnItemNamesAllThatIsWrong(t *testing.T) {
	t.Parallel()
	service, _ := answering(t, `{"status":"success","outputs":{}}`)
	for _, tt := range []struct {
		item bulk.Item
		want []string
	}{
		{bulk.FinishInstance("", "", instances.FinishParams{Status: instances.Active}), []string{"items[0].agent_instance_id", "items[0].status"}},
		{bulk.FinishSpan("", "", spans.FinishParams{Status: spans.Pending, ResultPayload: 5}), []string{"items[0].agent_span_id", "items[0].status", "items[0].result_payload"}},
	} {
		_, err := service.Execute(t.Context(), bulk.Request{Items: []bulk.Item{tt.item}})
		if got := wiretest.Fields(err); !slices.Equal(got, tt.want) {
			t.Errorf("%s: the error is about %q, want %q", tt.item.Type, got, tt.want)
		}
	}
}

func TestKeysOf8To64CharactersAreAccepted(t *testing.T) {
	t.Parallel()
	for _, length := range []int{8, 64} {
		service, _ := answering(t, `{"status":"success","outputs":{}}`)
		item := bulk.NewItem("agents/list", strings.Repeat("a", length), nil)
		if _, err := service.Execute(t.Context(), bulk.Request{Items: []bulk.Item{item}}); err != nil {
			t.Errorf("key of %d characters: %v", length, err)
		}
	}
}

func TestAnEmptyKeyIsReplacedBeforeTheItemIsSent(t *testing.T) {
	t.Parallel()
	var keys []string
	for _, item := range []bulk.Item{
		bulk.NewItem("agents/list", "", nil),
		bulk.RegisterInstance("", instances.RegisterParams{}),
		bulk.StartInstance("", "i", instances.StartParams{}),
		bulk.FinishInstance("", "i", instances.FinishParams{}),
		bulk.CreateSpan("", spans.CreateParams{}),
		bulk.FinishSpan("", "s", spans.FinishParams{}),
	} {
		if len(item.Key) != 36 || slices.Contains(keys, item.Key) {
			t.Errorf("%s: key %q isn't a new UUID", item.Type, item.Key)
		}
		keys = append(keys, item.Key)
	}
}

func TestARefusedRequestFailsTheCall(t *testing.T) {
	t.Parallel()
	fake := prefactortest.New(prefactortest.WithT(t))
	fake.Inject(prefactortest.On("bulk.execute").Reply(422).Body(
		`{"status":"error","code":"validation_errors","message":"Validation failed","errors":{"items":{"status":"error","code":"required","message":"At least one item required"}}}`))
	client, err := transport.NewClient("http://localhost", fake.RoundTripper())
	if err != nil {
		t.Fatal(err)
	}
	_, err = bulk.New(client).Execute(t.Context(), bulk.Request{Items: []bulk.Item{bulk.NewItem("agents/create", "", nil)}})
	invalid, ok := errors.AsType[*errs.ValidationError](err)
	if !ok || fmt.Sprint(invalid.Fields) != "[items: At least one item required (required)]" {
		t.Errorf("got %v", err)
	}
}

func TestAResponseWithoutOutputsIsAContractError(t *testing.T) {
	t.Parallel()
	for _, document := range []string{`{"status":"success"}`, `{"status":"success","outputs":null}`, `{"status":"success","outputs":[]}`, `{"outputs":}`} {
		service, _ := answering(t, document)
		_, err := service.Execute(t.Context(), bulk.Request{Items: []bulk.Item{bulk.NewItem("agents/list", "", nil)}})
		if !errors.Is(err, errs.ErrContract) {
			t.Errorf("%s: %v, want a ContractError", document, err)
		}
	}
}

// through returns a Service that talks to the fake through the default stack.
func through(t *testing.T, fake *prefactortest.Fake) *bulk.Service {
	t.Helper()
	cfg := middleware.NewConfig("http://localhost", prefactortest.Token)
	rt, err := middleware.Default(cfg).RoundTripper(fake.RoundTripper())
	if err != nil {
		t.Fatal(err)
	}
	client, err := transport.NewClient(cfg.APIURL, rt)
	if err != nil {
		t.Fatal(err)
	}
	return bulk.New(client)
}

// The ids of a run that is sent in one request are chosen by the client.
const (
	runID  = "013xrzp12g3nqk8n0000000000000001"
	stepID = "013xrzp12g3nqk8n0000000000000002"
)

// wholeRun returns the items of a run, one that starts the run again and so fails,
// and one after that.
func wholeRun() []bulk.Item {
	return []bulk.Item{
		bulk.RegisterInstance("", instances.RegisterParams{AgentID: prefactortest.AgentID, ID: runID}),
		bulk.StartInstance("", runID, instances.StartParams{}),
		bulk.CreateSpan("", spans.CreateParams{AgentInstanceID: runID, SchemaName: "app:llm", ID: stepID, Payload: map[string]any{"q": "hi"}}),
		bulk.FinishSpan("", stepID, spans.FinishParams{ResultPayload: map[string]any{"a": "hello"}}),
		bulk.FinishInstance("", runID, instances.FinishParams{}),
		bulk.StartInstance("start-again", runID, instances.StartParams{}),
		bulk.NewItem("agents/list", "", nil),
	}
}

func TestItemsAreExecutedInOrderUpToTheFirstError(t *testing.T) {
	t.Parallel()
	fake := prefactortest.New(prefactortest.WithT(t))
	resp, err := through(t, fake).Execute(t.Context(), bulk.Request{Items: wholeRun()})
	if err != nil {
		t.Fatal(err)
	}
	fake.AssertTree(t, `
		instance complete
		└── app:llm complete
	`)
	if len(resp.Outputs) != 6 || len(resp.Unprocessed) != 1 || resp.Unprocessed[0].Type != "agents/list" {
		t.Fatalf("%d outputs, unprocessed: %+v", len(resp.Outputs), resp.Unprocessed)
	}
	for n, out := range resp.Outputs[:5] {
		if out.Err != nil {
			t.Errorf("item %d: %v", n+1, out.Err)
		}
	}
	if err := resp.Err(); !errors.Is(err, errs.ErrConflict) || !errors.Is(resp.Outputs[5].Err, errs.ErrConflict) {
		t.Errorf("Err() = %v, want a ConflictError", err)
	}
	span, err := bulk.Details[spans.Span](resp.Outputs[3])
	if err != nil || span.ID != stepID || span.Status != spans.Complete || span.ResultPayload.String() != `{"a":"hello"}` {
		t.Errorf("span: %+v, %v", span, err)
	}
	run, err := bulk.Details[instances.Instance](resp.Outputs[4])
	if err != nil || run.Status != instances.Complete || run.SpanCounts.Complete != 1 {
		t.Errorf("instance: %+v, %v", run, err)
	}
}

func TestTheStrictFakeAcceptsEveryItem(t *testing.T) {
	t.Parallel()
	fake := prefactortest.New(prefactortest.WithT(t), prefactortest.Strict())
	resp, err := through(t, fake).Execute(t.Context(), bulk.Request{Items: wholeRun()[:5]})
	if err != nil || resp.Err() != nil {
		t.Fatal(err, resp.Err())
	}
}

func TestARequestWithALostResponseIsRepeatedWithoutExecutingAnItemTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := prefactortest.New(prefactortest.WithT(t))
		fake.Inject(prefactortest.On("bulk.execute").ResetBefore(), prefactortest.On("bulk.execute").ResetAfter(), prefactortest.On("bulk.execute").CutBody(20))
		resp, err := through(t, fake).Execute(t.Context(), bulk.Request{Items: wholeRun()[:5]})
		if err != nil || resp.Err() != nil {
			t.Fatal(err, resp.Err())
		}
		fake.AssertTree(t, `
			instance complete
			└── app:llm complete
		`)
		attempts := fake.Journal()
		if len(attempts) != 4 {
			t.Errorf("%d attempts", len(attempts))
		}
		for _, x := range attempts {
			if x.HeaderKey == "" || x.HeaderKey != attempts[0].HeaderKey || x.BodyKey != "" || string(x.Body) != string(attempts[0].Body) {
				t.Errorf("attempt %d: header key %q, body key %q", x.Number, x.HeaderKey, x.BodyKey)
			}
		}
	})
}

func TestARequestWithoutAKeyIsRepeatedToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := prefactortest.New(prefactortest.WithT(t))
		fake.Inject(prefactortest.On("bulk.execute").Reply(503))
		cfg := middleware.NewConfig("http://localhost", prefactortest.Token)
		rt, err := middleware.Default(cfg).Without("idempotency").RoundTripper(fake.RoundTripper())
		if err != nil {
			t.Fatal(err)
		}
		client, err := transport.NewClient(cfg.APIURL, rt)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bulk.New(client).Execute(t.Context(), bulk.Request{Items: wholeRun()[:1]}); err != nil {
			t.Error(err)
		}
	})
}

func TestAServiceIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	fake := prefactortest.New()
	service := through(t, fake)
	item := bulk.RegisterInstance("", instances.RegisterParams{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			resp, err := service.Execute(t.Context(), bulk.Request{Items: []bulk.Item{item, bulk.NewItem("agents/list", "", nil)}})
			if err != nil || resp.Err() != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(fake.Instances()); n != 1 {
		t.Errorf("one item, sent 20 times, made %d instances", n)
	}
}
