package middleware_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// Metrics in the style of Prometheus. With its client library the vectors are
// prometheus.NewCounterVec and NewHistogramVec.
func ExampleObserve_metrics() {
	calls, attempts, seconds := newVector(), newVector(), newVector()
	metrics := middleware.ObserverFunc(func(ctx context.Context, e transport.Event) {
		route := transport.CallFrom(ctx).Route()
		switch e.Kind {
		case transport.AttemptEnded:
			attempts.WithLabelValues(route, string(errs.KindOf(e.Err))).Add(1)
		case transport.WaitBegan:
			seconds.WithLabelValues(e.Layer, "waited").Add(e.Duration.Seconds())
		case transport.Refused:
			calls.WithLabelValues(e.Layer, "refused").Add(1)
		case transport.CallEnded:
			calls.WithLabelValues(route, string(errs.KindOf(e.Err))).Add(1)
		}
	})

	fake := prefactortest.New()
	fake.Inject(prefactortest.On("agents.get").Reply(503))
	cfg := middleware.NewConfig("https://prefactor.test", prefactortest.Token)
	cfg.InitialRetryDelay = time.Millisecond
	client := exampleClient(middleware.Default(cfg).PerCall(middleware.Observe("metrics", metrics)), fake)
	_ = read(context.Background(), client)
	fmt.Println(calls)
	fmt.Println(attempts)
	// Output:
	// /agent/{id},ok=1
	// /agent/{id},ok=1 /agent/{id},server=1
}

// A trace in the style of OpenTelemetry: a span for each call, which has the
// call's events. With its API, startSpan is Tracer.Start, and spanFrom is
// trace.SpanFromContext.
func ExampleObserve_trace() {
	fake := prefactortest.New()
	fake.Inject(prefactortest.On("agents.get").Reply(503))
	cfg := middleware.NewConfig("https://prefactor.test", prefactortest.Token)
	cfg.InitialRetryDelay = time.Millisecond
	client := exampleClient(middleware.Default(cfg).PerCall(middleware.Observe("trace", tracer{})), fake)
	_ = read(context.Background(), client)
	// Output:
	// start request
	// event attempt ended, server
	// event wait began, ok
	// event attempt ended, ok
	// end ok
}

// tracer is the adapter.
type tracer struct{}

func (tracer) Begin(ctx context.Context) context.Context {
	ctx, _ = startSpan(ctx, transport.CallFrom(ctx).Operation())
	return ctx
}

func (tracer) Observe(ctx context.Context, e transport.Event) {
	span := spanFrom(ctx)
	if e.Kind != transport.CallEnded {
		span.AddEvent(e.Kind.String() + ", " + string(errs.KindOf(e.Err)))
		return
	}
	span.End(string(errs.KindOf(e.Err)))
}

// The rest replaces the two libraries in this example.

type traceSpan struct{}

type traceSpanKey struct{}

func startSpan(ctx context.Context, name string) (context.Context, *traceSpan) {
	fmt.Println("start", name)
	span := new(traceSpan)
	return context.WithValue(ctx, traceSpanKey{}, span), span
}

func spanFrom(ctx context.Context) *traceSpan { return ctx.Value(traceSpanKey{}).(*traceSpan) }

func (*traceSpan) AddEvent(name string) { fmt.Println("event", name) }

func (*traceSpan) End(status string) { fmt.Println("end", status) }

type vector struct {
	mu     sync.Mutex
	values map[string]float64
}

type counter struct {
	vector *vector
	labels string
}

func newVector() *vector { return &vector{values: make(map[string]float64)} }

func (v *vector) WithLabelValues(labels ...string) counter {
	return counter{v, strings.Join(labels, ",")}
}

func (c counter) Add(n float64) {
	c.vector.mu.Lock()
	defer c.vector.mu.Unlock()
	c.vector.values[c.labels] += n
}

func (v *vector) String() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var all []string
	for _, labels := range slices.Sorted(maps.Keys(v.values)) {
		all = append(all, fmt.Sprintf("%s=%v", labels, v.values[labels]))
	}
	return strings.Join(all, " ")
}
