package resources_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/hedgepolicy"
	"github.com/failsafe-go/failsafe-go/ratelimiter"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/failsafe-go/failsafe-go/adaptivelimiter"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/agents"
	"github.com/prefactordev/prefactor-go/resources/alerts"
	"github.com/prefactordev/prefactor-go/resources/bulk"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/list"
	"github.com/prefactordev/prefactor-go/resources/pfid"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// exportedFunctions has every exported function of the module. A generic one is
// instantiated with a type that fits.
var exportedFunctions = map[string]any{
	"agents.Clear":                        agents.Clear,
	"agents.New":                          agents.New,
	"agents.To":                           agents.To,
	"alerts.New":                          alerts.New,
	"bulk.CreateSpan":                     bulk.CreateSpan,
	"bulk.Details":                        bulk.Details[spans.Span],
	"bulk.FinishInstance":                 bulk.FinishInstance,
	"bulk.FinishSpan":                     bulk.FinishSpan,
	"bulk.KeyOf":                          bulk.KeyOf,
	"bulk.New":                            bulk.New,
	"bulk.NewItem":                        bulk.NewItem,
	"bulk.RegisterInstance":               bulk.RegisterInstance,
	"bulk.StartInstance":                  bulk.StartInstance,
	"conformance.Hedged":                  conformance.Hedged,
	"conformance.OwnAuth":                 conformance.OwnAuth,
	"conformance.OwnRetry":                conformance.OwnRetry,
	"conformance.TestFaults":              conformance.TestFaults,
	"conformance.TestLayer":               conformance.TestLayer,
	"conformance.TestStack":               conformance.TestStack,
	"conformance.TestStorm":               conformance.TestStorm,
	"errs.FromBase":                       errs.FromBase,
	"errs.FromBody":                       errs.FromBody,
	"errs.FromDocument":                   errs.FromDocument,
	"errs.FromLayer":                      errs.FromLayer,
	"errs.FromResponse":                   errs.FromResponse,
	"errs.FromServer":                     errs.FromServer,
	"errs.InvalidAction":                  errs.InvalidAction,
	"errs.IsJSON":                         errs.IsJSON,
	"errs.KindOf":                         errs.KindOf,
	"errs.MaybeApplied":                   errs.MaybeApplied,
	"errs.NewCanceledError":               errs.NewCanceledError,
	"errs.NewContractError":               errs.NewContractError,
	"errs.NewCutError":                    errs.NewCutError,
	"errs.NewElsewhereError":              errs.NewElsewhereError,
	"errs.ParseDocument":                  errs.ParseDocument,
	"errs.ParseRetryAfter":                errs.ParseRetryAfter,
	"errs.Refused":                        errs.Refused,
	"errs.RetryAfter":                     errs.RetryAfter,
	"errs.Retryable":                      errs.Retryable,
	"errs.TrimMark":                       errs.TrimMark,
	"errs.Words":                          errs.Words,
	"instances.CurrentRuntime":            instances.CurrentRuntime,
	"instances.New":                       instances.New,
	"list.NewOp":                          list.NewOp[spans.Span],
	"middleware.Adaptive":                 middleware.Adaptive[adaptivelimiter.Permit],
	"middleware.AllowPlainHTTP":           middleware.AllowPlainHTTP,
	"middleware.Auth":                     middleware.Auth,
	"middleware.Breaker":                  middleware.Breaker[any],
	"middleware.Bulkhead":                 middleware.Bulkhead[any],
	"middleware.Classify":                 middleware.Classify,
	"middleware.ConfigFromEnv":            middleware.ConfigFromEnv,
	"middleware.Default":                  middleware.Default,
	"middleware.DefaultRetryPolicy":       middleware.DefaultRetryPolicy,
	"middleware.Envelope":                 middleware.Envelope,
	"middleware.ForeignRetry":             middleware.ForeignRetry,
	"middleware.Hedge":                    middleware.Hedge,
	"middleware.Idempotency":              middleware.Idempotency,
	"middleware.Identify":                 middleware.Identify,
	"middleware.Log":                      middleware.Log,
	"middleware.LogBodies":                middleware.LogBodies,
	"middleware.LogHeaders":               middleware.LogHeaders,
	"middleware.NewAdaptiveLimiter":       middleware.NewAdaptiveLimiter,
	"middleware.NewBase":                  middleware.NewBase,
	"middleware.NewBreaker":               middleware.NewBreaker,
	"middleware.NewBulkhead":              middleware.NewBulkhead,
	"middleware.NewConfig":                middleware.NewConfig,
	"middleware.NewHedge":                 middleware.NewHedge,
	"middleware.NewRateLimiter":           middleware.NewRateLimiter,
	"middleware.Observe":                  middleware.Observe,
	"middleware.OnControl":                middleware.OnControl,
	"middleware.RateLimit":                middleware.RateLimit[any],
	"middleware.RefreshingToken":          middleware.RefreshingToken,
	"middleware.Retry":                    middleware.Retry,
	"middleware.RetryBudget":              middleware.RetryBudget,
	"middleware.Timeout":                  middleware.Timeout,
	"middleware.TokenFromEnv":             middleware.TokenFromEnv,
	"middleware.TokenFromFile":            middleware.TokenFromFile,
	"pfid.Derived":                        pfid.Derived,
	"pfid.New":                            pfid.New,
	"pfid.NewRelated":                     pfid.NewRelated,
	"pfid.NewRoot":                        pfid.NewRoot,
	"pfid.NewService":                     pfid.NewService,
	"pfid.Parse":                          pfid.Parse,
	"prefactortest.AnyIDs":                prefactortest.AnyIDs,
	"prefactortest.BracketSortingOnly":    prefactortest.BracketSortingOnly,
	"prefactortest.CancelActive":          prefactortest.CancelActive,
	"prefactortest.CloseSpansOnTerminate": prefactortest.CloseSpansOnTerminate,
	"prefactortest.DropUnknown":           prefactortest.DropUnknown,
	"prefactortest.ErrorResponder":        prefactortest.ErrorResponder,
	"prefactortest.ListResponder":         prefactortest.ListResponder,
	"prefactortest.MismatchStatus":        prefactortest.MismatchStatus,
	"prefactortest.New":                   prefactortest.New,
	"prefactortest.NewServer":             prefactortest.NewServer,
	"prefactortest.On":                    prefactortest.On,
	"prefactortest.RefuseUnknown":         prefactortest.RefuseUnknown,
	"prefactortest.RequireSchemas":        prefactortest.RequireSchemas,
	"prefactortest.Storm":                 prefactortest.Storm,
	"prefactortest.Strict":                prefactortest.Strict,
	"prefactortest.SuccessResponder":      prefactortest.SuccessResponder,
	"prefactortest.WithClock":             prefactortest.WithClock,
	"prefactortest.WithJournalLimit":      prefactortest.WithJournalLimit,
	"prefactortest.WithLatency":           prefactortest.WithLatency,
	"prefactortest.WithObserver":          prefactortest.WithObserver,
	"prefactortest.WithSeed":              prefactortest.WithSeed,
	"prefactortest.WithT":                 prefactortest.WithT,
	"prefactortest.WithToken":             prefactortest.WithToken,
	"rawjson.At":                          rawjson.At,
	"rawjson.CheckObject":                 rawjson.CheckObject,
	"rawjson.Decode":                      rawjson.Decode,
	"rawjson.Encode":                      rawjson.Encode,
	"rawjson.EncodeObject":                rawjson.EncodeObject,
	"rawjson.EncodeTo":                    rawjson.EncodeTo,
	"rawjson.Encoded":                     rawjson.Encoded,
	"rawjson.Within":                      rawjson.Within,
	"resources.GuardEvery":                resources.GuardEvery,
	"resources.GuardReport":               resources.GuardReport,
	"resources.New":                       resources.New,
	"resources.Open":                      resources.Open,
	"spans.New":                           spans.New,
	"spans.NewSensitive":                  spans.NewSensitive,
	"spans.NewTree":                       spans.NewTree,
	"transport.As":                        transport.As[*http.Transport],
	"transport.CallFrom":                  transport.CallFrom,
	"transport.CanRepeat":                 transport.CanRepeat,
	"transport.CloseIdleConnections":      transport.CloseIdleConnections,
	"transport.Conclude":                  transport.Conclude,
	"transport.ControlIn":                 transport.ControlIn,
	"transport.DecodeDetails":             transport.DecodeDetails[spans.Span],
	"transport.EmptyResponse":             transport.EmptyResponse,
	"transport.HeaderKey":                 transport.HeaderKey,
	"transport.NewClient":                 transport.NewClient,
	"transport.NewDetailsOp":              transport.NewDetailsOp[spans.Span],
	"transport.NewLayer":                  transport.NewLayer,
	"transport.NewLayerFunc":              transport.NewLayerFunc,
	"transport.NewLayerOn":                transport.NewLayerOn,
	"transport.NewOp":                     transport.NewOp[struct{}],
	"transport.NewSecret":                 transport.NewSecret,
	"transport.NewStack":                  transport.NewStack,
	"transport.Outcome":                   transport.Outcome,
	"transport.ParseAPIURL":               transport.ParseAPIURL,
	"transport.Read":                      transport.Read,
	"transport.ReadLimit":                 transport.ReadLimit,
	"transport.RefusedLayer":              transport.RefusedLayer,
	"transport.RepeatOf":                  transport.RepeatOf,
	"transport.Replayable":                transport.Replayable,
	"transport.SetKey":                    transport.SetKey,
	"transport.ValidateKey":               transport.ValidateKey,
	"transport.WithHeader":                transport.WithHeader,
	"transport.WithIdempotencyKey":        transport.WithIdempotencyKey,
	"transport.WithMeta":                  transport.WithMeta,
	"transport.WithTimeout":               transport.WithTimeout,
	"transport.WithoutCall":               transport.WithoutCall,
}

// exportedTypes has every exported type of the module, besides interfaces. Their
// methods needn't be listed.
var exportedTypes = []reflect.Type{
	reflect.TypeFor[agents.Agent](),
	reflect.TypeFor[agents.AvailableActions](),
	reflect.TypeFor[agents.Change](),
	reflect.TypeFor[agents.CreateParams](),
	reflect.TypeFor[agents.InstanceCounts](),
	reflect.TypeFor[agents.ListParams](),
	reflect.TypeFor[agents.Risk](),
	reflect.TypeFor[agents.RiskRollup](),
	reflect.TypeFor[agents.Service](),
	reflect.TypeFor[agents.ShowParams](),
	reflect.TypeFor[agents.Status](),
	reflect.TypeFor[agents.UpdateParams](),
	reflect.TypeFor[alerts.Alert](),
	reflect.TypeFor[alerts.ClearParams](),
	reflect.TypeFor[alerts.CountParams](),
	reflect.TypeFor[alerts.ListParams](),
	reflect.TypeFor[alerts.RaiseParams](),
	reflect.TypeFor[alerts.Service](),
	reflect.TypeFor[alerts.Severity](),
	reflect.TypeFor[alerts.Status](),
	reflect.TypeFor[bulk.Item](),
	reflect.TypeFor[bulk.Output](),
	reflect.TypeFor[bulk.Request](),
	reflect.TypeFor[bulk.Response](),
	reflect.TypeFor[bulk.Service](),
	reflect.TypeFor[conformance.Build](),
	reflect.TypeFor[conformance.SuiteOption](),
	reflect.TypeFor[errs.APIError](),
	reflect.TypeFor[errs.Attempt](),
	reflect.TypeFor[errs.AuthError](),
	reflect.TypeFor[errs.CanceledError](),
	reflect.TypeFor[errs.ClientError](),
	reflect.TypeFor[errs.ConflictError](),
	reflect.TypeFor[errs.ContractError](),
	reflect.TypeFor[errs.Document](),
	reflect.TypeFor[errs.Error](),
	reflect.TypeFor[errs.Field](),
	reflect.TypeFor[errs.Kind](),
	reflect.TypeFor[errs.NetworkError](),
	reflect.TypeFor[errs.NotFoundError](),
	reflect.TypeFor[errs.ProxyError](),
	reflect.TypeFor[errs.RateLimitError](),
	reflect.TypeFor[errs.Reach](),
	reflect.TypeFor[errs.Reason](),
	reflect.TypeFor[errs.RejectedError](),
	reflect.TypeFor[errs.RetryExhaustedError](),
	reflect.TypeFor[errs.ValidationError](),
	reflect.TypeFor[instances.ActionProfile](),
	reflect.TypeFor[instances.AgentContext](),
	reflect.TypeFor[instances.AgentSchemaVersion](),
	reflect.TypeFor[instances.AgentVersion](),
	reflect.TypeFor[instances.Classification](),
	reflect.TypeFor[instances.Cost](),
	reflect.TypeFor[instances.CostBreakdown](),
	reflect.TypeFor[instances.DataCategories](),
	reflect.TypeFor[instances.DataRisk](),
	reflect.TypeFor[instances.FinishParams](),
	reflect.TypeFor[instances.Instance](),
	reflect.TypeFor[instances.ListParams](),
	reflect.TypeFor[instances.ModelCost](),
	reflect.TypeFor[instances.Permission](),
	reflect.TypeFor[instances.Presence](),
	reflect.TypeFor[instances.Purpose](),
	reflect.TypeFor[instances.QualitySchema](),
	reflect.TypeFor[instances.RegisterParams](),
	reflect.TypeFor[instances.RiskScore](),
	reflect.TypeFor[instances.RuntimeEnvironment](),
	reflect.TypeFor[instances.Service](),
	reflect.TypeFor[instances.ShowParams](),
	reflect.TypeFor[instances.SpanCounts](),
	reflect.TypeFor[instances.SpanSchemaCounts](),
	reflect.TypeFor[instances.SpanTypeSchema](),
	reflect.TypeFor[instances.StartParams](),
	reflect.TypeFor[instances.Status](),
	reflect.TypeFor[instances.TerminateParams](),
	reflect.TypeFor[instances.TypeScore](),
	reflect.TypeFor[list.Op[spans.Span]](),
	reflect.TypeFor[list.Page[spans.Span]](),
	reflect.TypeFor[list.Pagination](),
	reflect.TypeFor[list.Params](),
	reflect.TypeFor[list.Sort](),
	reflect.TypeFor[list.Sorting](),
	reflect.TypeFor[middleware.AuthOption](),
	reflect.TypeFor[middleware.Config](),
	reflect.TypeFor[middleware.Control](),
	reflect.TypeFor[middleware.Controls](),
	reflect.TypeFor[middleware.LogOption](),
	reflect.TypeFor[middleware.ObserverFunc](),
	reflect.TypeFor[middleware.RetryOption](),
	reflect.TypeFor[middleware.RetryPolicy](),
	reflect.TypeFor[middleware.TokenFunc](),
	reflect.TypeFor[pfid.GenerateParams](),
	reflect.TypeFor[pfid.ID](),
	reflect.TypeFor[pfid.Service](),
	reflect.TypeFor[prefactortest.Alert](),
	reflect.TypeFor[prefactortest.Exchange](),
	reflect.TypeFor[prefactortest.Fake](),
	reflect.TypeFor[prefactortest.Fault](),
	reflect.TypeFor[prefactortest.Grant](),
	reflect.TypeFor[prefactortest.Instance](),
	reflect.TypeFor[prefactortest.Option](),
	reflect.TypeFor[prefactortest.Pipe](),
	reflect.TypeFor[prefactortest.RiskScore](),
	reflect.TypeFor[prefactortest.Server](),
	reflect.TypeFor[prefactortest.Span](),
	reflect.TypeFor[prefactortest.SpanCounts](),
	reflect.TypeFor[prefactortest.TypeRisk](),
	reflect.TypeFor[rawjson.Object](),
	reflect.TypeFor[rawjson.Source](),
	reflect.TypeFor[resources.API](),
	reflect.TypeFor[resources.GuardOption](),
	reflect.TypeFor[resources.TerminatedError](),
	reflect.TypeFor[resources.Token](),
	reflect.TypeFor[spans.CreateParams](),
	reflect.TypeFor[spans.FinishParams](),
	reflect.TypeFor[spans.ListParams](),
	reflect.TypeFor[spans.Node](),
	reflect.TypeFor[spans.Purpose](),
	reflect.TypeFor[spans.RiskLevel](),
	reflect.TypeFor[spans.Sensitive](),
	reflect.TypeFor[spans.Service](),
	reflect.TypeFor[spans.Span](),
	reflect.TypeFor[spans.Status](),
	reflect.TypeFor[spans.Tree](),
	reflect.TypeFor[transport.Answer](),
	reflect.TypeFor[transport.Call](),
	reflect.TypeFor[transport.Client](),
	reflect.TypeFor[transport.Control](),
	reflect.TypeFor[transport.Event](),
	reflect.TypeFor[transport.EventKind](),
	reflect.TypeFor[transport.Input](),
	reflect.TypeFor[transport.Layer](),
	reflect.TypeFor[transport.LayerFunc](),
	reflect.TypeFor[transport.Meta](),
	reflect.TypeFor[transport.Next](),
	reflect.TypeFor[transport.Op[struct{}]](),
	reflect.TypeFor[transport.OpOption](),
	reflect.TypeFor[transport.Option](),
	reflect.TypeFor[transport.Request](),
	reflect.TypeFor[transport.Result](),
	reflect.TypeFor[transport.Scope](),
	reflect.TypeFor[transport.Secret](),
	reflect.TypeFor[transport.Stack](),
}

const (
	apiURL  = "http://localhost"
	longest = time.Hour // how long a call waits in virtual time
)

// neverNil are the types of which no nil pointer is tried, and why.
var neverNil = map[reflect.Type]string{
	reflect.TypeFor[errs.APIError]():             printed,
	reflect.TypeFor[errs.AuthError]():            printed,
	reflect.TypeFor[errs.CanceledError]():        printed,
	reflect.TypeFor[errs.ClientError]():          printed,
	reflect.TypeFor[errs.ConflictError]():        printed,
	reflect.TypeFor[errs.ContractError]():        printed,
	reflect.TypeFor[errs.Error]():                printed,
	reflect.TypeFor[errs.NetworkError]():         printed,
	reflect.TypeFor[errs.NotFoundError]():        printed,
	reflect.TypeFor[errs.ProxyError]():           printed,
	reflect.TypeFor[errs.RateLimitError]():       printed,
	reflect.TypeFor[errs.RejectedError]():        printed,
	reflect.TypeFor[errs.RetryExhaustedError]():  printed,
	reflect.TypeFor[errs.ValidationError]():      printed,
	reflect.TypeFor[agents.Agent]():              decoded,
	reflect.TypeFor[alerts.Alert]():              decoded,
	reflect.TypeFor[instances.Instance]():        decoded,
	reflect.TypeFor[list.Page[spans.Span]]():     decoded,
	reflect.TypeFor[spans.Sensitive]():           decoded,
	reflect.TypeFor[rawjson.Object]():            decoded,
	reflect.TypeFor[resources.TerminatedError](): printed,
	reflect.TypeFor[spans.Span]():                decoded,
	reflect.TypeFor[transport.Answer]():          "Read and OnAnswer always give one",
}

const (
	printed = "no function returns a nil one as an error, and fmt prints it as <nil>"
	decoded = "the method fills it in for a decoder, which has made it"
)

// calledByOthers are the methods that are not called with nil, and who calls them.
var calledByOthers = map[string]string{
	"Format":            "fmt",
	"MarshalJSONTo":     "encoding/json/v2",
	"UnmarshalJSONFrom": "encoding/json/v2",
}

// sampleArguments are arguments of functions for which the samples don't fit.
var sampleArguments = map[string][]any{
	"prefactortest.Fake.Listen":   {"127.0.0.1:0"},
	"prefactortest.On":            {"ping"},
	"prefactortest.Server.Listen": {"127.0.0.1:0"},
	"rawjson.Decode":              {document, new(map[string]any)},
	"transport.NewDetailsOp":      {"ping", http.MethodGet, "/ping"},
	"transport.NewOp":             {"ping", http.MethodGet, "/ping"},
	"transport.WithHeader":        {"X-Sample", "sample"},
}

var document = jsontext.Value(`{"status":"success","details":{"id":"sample"}}`)

// samples make values that a program might give.
var samples = map[reflect.Type]func(w *walker) any{
	reflect.TypeFor[any]():                                                func(*walker) any { return map[string]any{} },
	reflect.TypeFor[budget.Budget]():                                      func(*walker) any { return budget.New() },
	reflect.TypeFor[bulkhead.Bulkhead[any]]():                             func(*walker) any { return middleware.NewBulkhead(1) },
	reflect.TypeFor[circuitbreaker.CircuitBreaker[any]]():                 func(*walker) any { return middleware.NewBreaker() },
	reflect.TypeFor[conformance.SuiteOption]():                            func(*walker) any { return conformance.Hedged() },
	reflect.TypeFor[context.Context]():                                    func(w *walker) any { return w.context() },
	reflect.TypeFor[error]():                                              func(*walker) any { return errors.New("sample") },
	reflect.TypeFor[hedgepolicy.HedgePolicy[*http.Response]]():            func(*walker) any { return middleware.NewHedge(time.Second) },
	reflect.TypeFor[http.Header]():                                        func(*walker) any { return http.Header{"Content-Type": {"application/json"}} },
	reflect.TypeFor[http.ResponseWriter]():                                func(*walker) any { return httptest.NewRecorder() },
	reflect.TypeFor[http.RoundTripper]():                                  func(w *walker) any { return w.fake.RoundTripper() },
	reflect.TypeFor[jsontext.Pointer]():                                   func(*walker) any { return jsontext.Pointer("/details") },
	reflect.TypeFor[jsontext.Value]():                                     func(*walker) any { return document },
	reflect.TypeFor[middleware.AdaptiveLimiter[adaptivelimiter.Permit]](): func(*walker) any { return middleware.NewAdaptiveLimiter() },
	reflect.TypeFor[middleware.AuthOption]():                              func(*walker) any { return middleware.AllowPlainHTTP() },
	reflect.TypeFor[middleware.Config]():                                  func(w *walker) any { return w.cfg },
	reflect.TypeFor[middleware.LogOption]():                               func(*walker) any { return middleware.LogBodies(100) },
	reflect.TypeFor[middleware.Observer]():                                func(*walker) any { return middleware.ObserverFunc(func(context.Context, transport.Event) {}) },
	reflect.TypeFor[middleware.RetryOption]():                             func(*walker) any { return middleware.RetryBudget(budget.New()) },
	reflect.TypeFor[middleware.RetryPolicy]():                             func(*walker) any { return middleware.DefaultRetryPolicy() },
	reflect.TypeFor[middleware.TokenSource]():                             func(w *walker) any { return w.cfg.APIToken },
	reflect.TypeFor[*http.Request]():                                      func(w *walker) any { return w.request() },
	reflect.TypeFor[*http.Response]():                                     func(w *walker) any { return response() },
	reflect.TypeFor[*prefactortest.Fake]():                                func(w *walker) any { return w.fake },
	reflect.TypeFor[*prefactortest.Pipe]():                                func(w *walker) any { return w.pipe() },
	reflect.TypeFor[*resources.API]():                                     func(w *walker) any { return resources.New(w.client) },
	reflect.TypeFor[*slog.Logger]():                                       func(*walker) any { return slog.New(slog.DiscardHandler) },
	reflect.TypeFor[*transport.Client]():                                  func(w *walker) any { return w.client },
	reflect.TypeFor[*transport.Op[struct{}]]():                            func(*walker) any { return ping() },
	reflect.TypeFor[*url.URL]():                                           func(*walker) any { return &url.URL{Scheme: "http", Host: "localhost"} },
	reflect.TypeFor[prefactortest.Fault]():                                func(*walker) any { return prefactortest.On("ping").Reply(503) },
	reflect.TypeFor[prefactortest.Option]():                               func(*walker) any { return prefactortest.Strict() },
	reflect.TypeFor[ratelimiter.RateLimiter[any]]():                       func(*walker) any { return middleware.NewRateLimiter(1) },
	reflect.TypeFor[string]():                                             func(*walker) any { return apiURL },
	reflect.TypeFor[testing.TB]():                                         func(w *walker) any { return quietTest{w.T} },
	reflect.TypeFor[time.Duration]():                                      func(*walker) any { return time.Second },
	reflect.TypeFor[time.Time]():                                          func(*walker) any { return time.Now() },
	reflect.TypeFor[transport.Layer]():                                    func(*walker) any { return middleware.Classify() },
	reflect.TypeFor[transport.OpOption]():                                 func(*walker) any { return transport.HeaderKey() },
	reflect.TypeFor[transport.Option]():                                   func(*walker) any { return transport.WithTimeout(longest) },
	reflect.TypeFor[transport.Request]():                                  func(*walker) any { return transport.Request{Method: http.MethodGet, Path: "/ping"} },
	reflect.TypeFor[transport.Stack]():                                    func(w *walker) any { return middleware.Default(w.cfg) },
}

// uses do with a value what its reader would do.
var uses = map[reflect.Type]func(w *walker, value any){
	reflect.TypeFor[bulkhead.Bulkhead[any]](): func(w *walker, v any) {
		policy, _ := v.(bulkhead.Bulkhead[any])
		w.useLayer(middleware.Bulkhead(policy, time.Second))
	},
	reflect.TypeFor[hedgepolicy.HedgePolicy[*http.Response]](): func(w *walker, v any) {
		policy, _ := v.(hedgepolicy.HedgePolicy[*http.Response])
		w.useLayer(middleware.Hedge(policy))
	},
	reflect.TypeFor[middleware.AuthOption](): func(w *walker, v any) {
		w.useLayer(middleware.Auth(apiURL, w.cfg.APIToken, v.(middleware.AuthOption)))
	},
	reflect.TypeFor[middleware.LogOption](): func(w *walker, v any) {
		w.useLayer(middleware.Log(slog.New(slog.DiscardHandler), v.(middleware.LogOption)))
	},
	reflect.TypeFor[middleware.RetryOption](): func(w *walker, v any) {
		w.useLayer(middleware.Retry(w.cfg.RetryPolicy, v.(middleware.RetryOption)))
	},
	reflect.TypeFor[middleware.TokenSource](): func(w *walker, v any) {
		source, _ := v.(middleware.TokenSource)
		w.useLayer(middleware.Auth(apiURL, source))
	},
	reflect.TypeFor[*prefactortest.Pipe](): func(_ *walker, v any) {
		if pipe := v.(*prefactortest.Pipe); pipe != nil {
			_ = pipe.Close()
		}
	},
	reflect.TypeFor[*prefactortest.Server](): func(_ *walker, v any) {
		if server := v.(*prefactortest.Server); server != nil {
			_ = server.Close()
		}
	},
	reflect.TypeFor[prefactortest.Fault]():  func(w *walker, v any) { w.fake.Inject(v.(prefactortest.Fault)); w.send(w.client) },
	reflect.TypeFor[prefactortest.Option](): func(w *walker, v any) { prefactortest.New(v.(prefactortest.Option)) },
	reflect.TypeFor[transport.Layer]():      func(w *walker, v any) { w.useLayer(v.(transport.Layer)) },
	reflect.TypeFor[transport.OpOption](): func(w *walker, v any) {
		op := transport.NewOp[struct{}]("ping", http.MethodGet, "/ping", v.(transport.OpOption))
		if _, err := op.Do(w.context(), w.client, transport.Input{}); err != nil {
			w.checkError("a call", err)
		}
	},
	reflect.TypeFor[transport.Option](): func(w *walker, v any) { w.send(w.client, v.(transport.Option)) },
	reflect.TypeFor[transport.Stack]():  func(w *walker, v any) { w.useStack(v.(transport.Stack)) },
}

func ping() *transport.Op[struct{}] {
	return transport.NewOp[struct{}]("ping", http.MethodGet, "/ping")
}

func (w *walker) useLayer(layer transport.Layer) {
	w.useStack(transport.NewStack(layer))
	w.useStack(middleware.Default(w.cfg).Wire(layer))
}

// useStack sends a call and a plain request through a stack, if it can be built.
func (w *walker) useStack(stack transport.Stack) {
	rt, err := stack.RoundTripper(w.fake.RoundTripper())
	if err != nil {
		w.checkError("a stack", err)
		return
	}
	client, err := transport.NewClient(apiURL, rt)
	if err != nil {
		w.Error(err)
		return
	}
	w.send(client)
	resp, err := (&http.Client{Transport: rt}).Do(w.request())
	if err != nil {
		w.checkError("a request", err)
		return
	}
	_ = resp.Body.Close()
}

func (w *walker) send(client *transport.Client, options ...transport.Option) {
	options = append(options, transport.WithHeader("Authorization", "Bearer "+prefactortest.Token))
	if _, err := client.Do(w.context(), transport.Request{Method: http.MethodGet, Path: "/ping"}, options...); err != nil {
		w.checkError("a call", err)
	}
}

// context returns a context for one call.
func (w *walker) context() context.Context {
	ctx, cancel := context.WithTimeout(w.Context(), longest)
	w.Cleanup(cancel)
	return ctx
}

func (w *walker) request() *http.Request {
	req, err := http.NewRequestWithContext(w.context(), http.MethodPost, apiURL+"/api/v1/agent_spans", strings.NewReader("{}"))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+prefactortest.Token)
	req.Header.Set("Content-Type", "application/json")
	return req
}

func (w *walker) pipe() *prefactortest.Pipe {
	pipe := w.fake.Pipe()
	w.Cleanup(func() { _ = pipe.Close() })
	return pipe
}

func response() *http.Response {
	recorder := httptest.NewRecorder()
	_, _ = recorder.Write(document)
	return recorder.Result()
}

// quietTest is a test that may fail.
type quietTest struct{ testing.TB }

func (quietTest) Errorf(string, ...any) {}
func (quietTest) Fatal(...any)          {}
