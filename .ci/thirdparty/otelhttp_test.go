package thirdparty_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

// telemetry is what otelhttp exports.
type telemetry struct {
	spans   *tracetest.InMemoryExporter
	metrics *metric.ManualReader
	options []otelhttp.Option
}

func newTelemetry() telemetry {
	spans, metrics := tracetest.NewInMemoryExporter(), metric.NewManualReader()
	return telemetry{spans, metrics, []otelhttp.Option{
		otelhttp.WithTracerProvider(trace.NewTracerProvider(trace.WithSyncer(spans))),
		otelhttp.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(metrics))),
		otelhttp.WithPropagators(propagation.TraceContext{}),
	}}
}

// wrap puts otelhttp around next.
func (o telemetry) wrap(next http.RoundTripper) http.RoundTripper {
	return otelhttp.NewTransport(next, o.options...)
}

func TestOtelHTTP(t *testing.T) {
	t.Parallel()
	testEach(t, everywhere("otelhttp", newTelemetry().wrap))
}

func TestOtelHTTPFollowsTheRules(t *testing.T) {
	t.Parallel()
	conformance.TestLayer(t, transport.NewLayer("otelhttp", transport.Anywhere, newTelemetry().wrap))
}

// recorded run. An attempt without a response has the status 0.
var attemptSpans = []string{
	"503 Error", "200 Unset",
	"429 Error", "200 Unset",
	"200 Error", "200 Unset", // its body was cut
	"0 Error", "200 Unset",
	"0 Error", "200 Unset",
	"502 Error", "200 Unset",
	"503 Error", "200 Unset",
}

func TestOtelHTTPExportsEachCallOrAttempt(t *testing.T) {
	t.Parallel()
	for position, want := range map[string][]string{
		"per call":    slices.Repeat([]string{"200 Unset"}, 7),
		"per attempt": attemptSpans,
		"wire":        attemptSpans,
		"base":        attemptSpans,
	} {
		t.Run(position, func(t *testing.T) {
			t.Parallel()
			exported := newTelemetry()
			inMemory(t, everywhere("otelhttp", exported.wrap)[position], func(r *rig) {
				r.record()
				exported.checkSpans(r, want)
				synctest.Wait() // otelhttp measures a request when net/http has closed its body
				exported.checkMetrics(r.t, want)
			})
		})
	}
}

// checkSpans checks that one client span was ended for each request through
// otelhttp, with its status, and that the server got it as the parent.
func (o telemetry) checkSpans(r *rig, want []string) {
	r.t.Helper()
	var got []string
	parents := make(map[string]bool)
	for _, span := range o.spans.GetSpans() {
		if span.SpanKind != oteltrace.SpanKindClient || span.Name != "HTTP POST" {
			r.t.Errorf("a span is %s %q, want client and HTTP POST", span.SpanKind, span.Name)
		}
		status := int64(0)
		for _, attribute := range span.Attributes {
			if attribute.Key == "http.response.status_code" {
				status = attribute.Value.AsInt64()
			}
		}
		got = append(got, fmt.Sprintf("%d %s", status, span.Status.Code))
		parents[fmt.Sprintf("00-%s-%s-01", span.SpanContext.TraceID(), span.SpanContext.SpanID())] = true
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("the spans are %q, want %q", got, want)
	}
	seen := make(map[string]bool)
	for _, x := range r.fake.Journal() {
		seen[x.Header.Get("Traceparent")] = true
	}
	if !maps.Equal(seen, parents) {
		r.t.Errorf("the requests have the parents %v, want those of the spans, %v", seen, parents)
	}
}

// checkMetrics checks that the duration of each request was measured.
func (o telemetry) checkMetrics(t *testing.T, want []string) {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := o.metrics.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	var requests uint64
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if durations, ok := m.Data.(metricdata.Histogram[float64]); ok && m.Name == "http.client.request.duration" {
				for _, point := range durations.DataPoints {
					requests += point.Count
				}
			}
		}
	}
	if requests != uint64(len(want)) {
		t.Errorf("http.client.request.duration has %d requests, want %d", requests, len(want))
	}
}
