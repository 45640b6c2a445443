package resources_test

import (
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/agents"
	"github.com/prefactordev/prefactor-go/resources/alerts"
	"github.com/prefactordev/prefactor-go/resources/bulk"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/pfid"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

// ids are those of the records that an operation is called with.
type ids struct{ agent, run, span, alert string }

// operations call every operation of the API.
var operations = map[string]func(ctx context.Context, api *resources.API, id ids, option transport.Option) error{
	"Ping": func(ctx context.Context, api *resources.API, _ ids, option transport.Option) error {
		return second(api.Ping(ctx, option))
	},
	"Instances.Register": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Instances.Register(ctx, instances.RegisterParams{AgentID: id.agent, EnvironmentID: prefactortest.EnvironmentID}, option))
	},
	"Instances.Start": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Instances.Start(ctx, id.run, instances.StartParams{}, option))
	},
	"Instances.Finish": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Instances.Finish(ctx, id.run, instances.FinishParams{}, option))
	},
	"Instances.Terminate": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Instances.Terminate(ctx, id.run, instances.TerminateParams{Reason: "r"}, option))
	},
	"Instances.RecordQuality": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Instances.RecordQuality(ctx, id.run, "answer", struct{}{}, option))
	},
	"Instances.RemoveQuality": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Instances.RemoveQuality(ctx, id.run, "answer", option))
	},
	"Instances.Get": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Instances.Get(ctx, id.run, option))
	},
	"Instances.Watch": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second) // a run that hasn't ended is watched for a second
		defer cancel()
		return second(api.Instances.Watch(ctx, id.run, time.Minute, option))
	},
	"Instances.Show": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Instances.Show(ctx, instances.ShowParams{InstanceID: id.run}, option))
	},
	"Instances.List": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Instances.List(ctx, instances.ListParams{AgentID: id.agent}, option))
	},
	"Instances.All": func(ctx context.Context, api *resources.API, id ids, option transport.Option) (err error) {
		for _, err = range api.Instances.All(ctx, instances.ListParams{AgentID: id.agent}, option) {
		}
		return err
	},
	"Instances.AgentContext": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Instances.AgentContext(ctx, id.run, option))
	},
	"Spans.Create": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Spans.Create(ctx, spans.CreateParams{AgentInstanceID: id.run, SchemaName: "app:llm"}, option))
	},
	"Spans.Finish": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Spans.Finish(ctx, id.span, spans.FinishParams{}, option))
	},
	"Spans.DiscardSensitive": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Spans.DiscardSensitive(ctx, id.span, option))
	},
	"Spans.Get": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Spans.Get(ctx, id.span, option))
	},
	"Spans.GetRedacted": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Spans.GetRedacted(ctx, id.span, option))
	},
	"Spans.List": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Spans.List(ctx, spans.ListParams{AgentInstanceID: id.run}, option))
	},
	"Spans.All": func(ctx context.Context, api *resources.API, id ids, option transport.Option) (err error) {
		for _, err = range api.Spans.All(ctx, spans.ListParams{AgentInstanceID: id.run}, option) {
		}
		return err
	},
	"Agents.Create": func(ctx context.Context, api *resources.API, _ ids, option transport.Option) error {
		return second(api.Agents.Create(ctx, agents.CreateParams{Name: "billing"}, option))
	},
	"Agents.Update": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Agents.Update(ctx, id.agent, agents.UpdateParams{Name: agents.To("invoices")}, option))
	},
	"Agents.Retire": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Agents.Retire(ctx, id.agent, option))
	},
	"Agents.Reinstate": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Agents.Reinstate(ctx, id.agent, option))
	},
	"Agents.Delete": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return api.Agents.Delete(ctx, id.agent, option)
	},
	"Agents.Get": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Agents.Get(ctx, id.agent, option))
	},
	"Agents.Show": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Agents.Show(ctx, agents.ShowParams{AgentID: id.agent}, option))
	},
	"Agents.List": func(ctx context.Context, api *resources.API, _ ids, option transport.Option) error {
		return second(api.Agents.List(ctx, agents.ListParams{}, option))
	},
	"Agents.All": func(ctx context.Context, api *resources.API, _ ids, option transport.Option) (err error) {
		for _, err = range api.Agents.All(ctx, agents.ListParams{}, option) {
		}
		return err
	},
	"Alerts.Raise": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Alerts.Raise(ctx, alerts.RaiseParams{AgentInstanceID: id.run, Name: "over_budget", Severity: alerts.Info}, option))
	},
	"Alerts.Clear": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Alerts.Clear(ctx, alerts.ClearParams{AgentInstanceID: id.run, Name: "over_budget"}, option))
	},
	"Alerts.Get": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Alerts.Get(ctx, id.alert, option))
	},
	"Alerts.List": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Alerts.List(ctx, alerts.ListParams{AgentInstanceID: id.run}, option))
	},
	"Alerts.All": func(ctx context.Context, api *resources.API, id ids, option transport.Option) (err error) {
		for _, err = range api.Alerts.All(ctx, alerts.ListParams{AgentInstanceID: id.run}, option) {
		}
		return err
	},
	"Alerts.Count": func(ctx context.Context, api *resources.API, _ ids, option transport.Option) error {
		return second(api.Alerts.Count(ctx, alerts.CountParams{Status: alerts.Raised}, option))
	},
	"Bulk.Execute": func(ctx context.Context, api *resources.API, id ids, option transport.Option) error {
		return second(api.Bulk.Execute(ctx, bulk.Request{Items: []bulk.Item{bulk.FinishSpan("", id.span, spans.FinishParams{})}}, option))
	},
	"PFIDs.Generate": func(ctx context.Context, api *resources.API, _ ids, option transport.Option) error {
		return second(api.PFIDs.Generate(ctx, pfid.GenerateParams{Count: 1}, option))
	},
}

func second[T any](_ T, err error) error { return err }

// recorder answers every request with a document that suits every operation.
type recorder struct {
	req    *http.Request
	body   string
	repeat bool // the request may be sent again
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.req, r.body, r.repeat = req, "", transport.CanRepeat(req)
	if req.Body != nil {
		text, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		_ = req.Body.Close()
		r.body = string(text)
	}
	const document = `{"status":"success","details":{"id":"x","status":"complete"},"summaries":[],"count":1,"pfids":["013xrzp12g3nqk8n0000000000000000"],"agent_context":{},"outputs":{}}`
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(document)), Request: req}, nil
}

// sends says where the params of a request are.
func (r *recorder) sends(t *testing.T) string {
	switch {
	case r.req.URL.RawQuery != "":
		return "query"
	case r.body == "":
		return "-"
	}
	all := members(t, []byte(r.body))
	delete(all, "idempotency_key")
	for _, name := range []string{"details", "items"} {
		if all[name] != nil {
			return name
		}
	}
	if len(all) == 0 {
		return "-"
	}
	return "flat"
}

// keyIn says where the key of a request is.
func (r *recorder) keyIn(t *testing.T) string {
	switch {
	case r.req.Header.Get(transport.KeyHeader) == "":
		return "-"
	case r.body != "" && members(t, []byte(r.body))["idempotency_key"] != nil:
		return "both"
	}
	return "header"
}

// operationRow returns the row of an operation in the table of the package comment.
func operationRow(t *testing.T, name string) string {
	t.Helper()
	base := new(recorder)
	client, err := transport.NewClient("http://localhost", base)
	if err != nil {
		t.Fatal(err)
	}
	call := func(option transport.Option) {
		if err := operations[name](t.Context(), resources.New(client), ids{"{id}", "{id}", "{id}", "{id}"}, option); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	call(transport.WithTimeout(time.Minute)) // without a key
	again := map[bool]string{true: "yes", false: "no"}[base.repeat]
	call(transport.WithIdempotencyKey("key-0001"))
	request := base.req.Method + " " + strings.TrimPrefix(base.req.URL.Path, "/api/v1")
	return fmt.Sprintf("%-23s %-41s %-8s %-7s %-6s %s", name, request, base.sends(t), base.keyIn(t), again, strings.Join(refusals(t, name), ""))
}

// refusals returns the letters of the refusals that an operation gets from the fake:
// N for records that don't exist, C for those in a state that doesn't allow it.
func refusals(t *testing.T, name string) (letters []string) {
	api := open(t, prefactortest.New(prefactortest.Strict()), func(*middleware.Config) {})
	ctx, noOption := t.Context(), transport.WithTimeout(time.Minute)
	const unknown = "013xrzp12g3nqk8n0000000000000000"
	if errs.KindOf(operations[name](ctx, api, ids{unknown, unknown, unknown, unknown}, noOption)) == errs.KindNotFound {
		letters = append(letters, "N")
	}
	id := ids{agent: prefactortest.AgentID}
	run, err := api.Instances.Register(ctx, instances.RegisterParams{AgentID: id.agent, EnvironmentID: prefactortest.EnvironmentID})
	if err != nil {
		t.Fatal(err)
	}
	id.run = run.ID
	if err := operations["Instances.Start"](ctx, api, id, noOption); err != nil {
		t.Fatal(err)
	}
	span, err := api.Spans.Create(ctx, spans.CreateParams{AgentInstanceID: id.run, SchemaName: "app:llm"})
	if err != nil {
		t.Fatal(err)
	}
	alert, err := api.Alerts.Raise(ctx, alerts.RaiseParams{AgentInstanceID: id.run, Name: "over_budget", Severity: alerts.Info})
	if err != nil {
		t.Fatal(err)
	}
	id.span, id.alert = span.ID, alert.ID
	once := operations[name](ctx, api, id, noOption)
	twice := operations[name](ctx, api, id, noOption)
	if errs.InvalidAction(once) || errs.InvalidAction(twice) {
		letters = append(letters, "C")
	}
	return letters
}

// The table in the package comment says of every operation what is so.
func TestTheTableOfOperationsIsTrue(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "resources.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]string)
	for line := range strings.Lines(file.Doc.Text()) {
		row, isCode := strings.CutPrefix(strings.TrimRight(line, "\n"), "\t")
		if name, _, _ := strings.Cut(row, " "); isCode && operations[name] != nil {
			documented[name] = strings.TrimRight(row, " ")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(operations)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if want := strings.TrimRight(operationRow(t, name), " "); documented[name] != want {
				t.Errorf("the package comment of resources has\n//\t%s\nwant\n//\t%s", documented[name], want)
			}
		})
	}
}

// Every method that takes options of a call is in the table.
func TestTheTableHasEveryOperation(t *testing.T) {
	t.Parallel()
	api := reflect.ValueOf(resources.New(nil))
	check := func(prefix string, service reflect.Type) {
		for method := range service.Methods() {
			in := method.Type.NumIn()
			if in == 0 || method.Type.In(in-1) != reflect.TypeFor[[]transport.Option]() {
				continue
			}
			if operations[prefix+method.Name] == nil {
				t.Errorf("%s%s isn't in the table of operations_test.go, and so not in the package comment of resources", prefix, method.Name)
			}
		}
	}
	check("", api.Type())
	for field, value := range api.Elem().Fields() {
		if field.IsExported() && field.Name != "Client" {
			check(field.Name+".", value.Type())
		}
	}
}
