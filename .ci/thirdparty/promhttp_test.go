package thirdparty_test

import (
	"maps"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

// instruments are the metrics of promhttp's round trippers.
type instruments struct {
	registry  *prometheus.Registry
	inFlight  prometheus.Gauge
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	firstByte prometheus.Histogram
}

func newInstruments() instruments {
	m := instruments{
		prometheus.NewRegistry(),
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "in_flight"}),
		prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests"}, []string{"code"}),
		prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "durations"}, []string{"code"}),
		prometheus.NewHistogram(prometheus.HistogramOpts{Name: "first_byte"}),
	}
	m.registry.MustRegister(m.inFlight, m.requests, m.durations, m.firstByte)
	return m
}

// wrap puts promhttp's round trippers around next.
func (m instruments) wrap(next http.RoundTripper) http.RoundTripper {
	trace := &promhttp.InstrumentTrace{GotFirstResponseByte: m.firstByte.Observe}
	return promhttp.InstrumentRoundTripperInFlight(m.inFlight,
		promhttp.InstrumentRoundTripperCounter(m.requests,
			promhttp.InstrumentRoundTripperDuration(m.durations,
				promhttp.InstrumentRoundTripperTrace(trace, next))))
}

func TestPromHTTP(t *testing.T) {
	t.Parallel()
	testEach(t, everywhere("promhttp", newInstruments().wrap))
}

func TestPromHTTPFollowsTheRules(t *testing.T) {
	t.Parallel()
	conformance.TestLayer(t, transport.NewLayer("promhttp", transport.Anywhere, newInstruments().wrap))
}

func TestPromHTTPCountsEachCallOrAttempt(t *testing.T) {
	t.Parallel()
	// promhttp counts responses. Two of the attempts have none.
	attempts := map[string]float64{"in_flight": 0, "first_byte": 12,
		"requests 200": 8, "requests 429": 1, "requests 502": 1, "requests 503": 2,
		"durations 200": 8, "durations 429": 1, "durations 502": 1, "durations 503": 2}
	calls := map[string]float64{"in_flight": 0, "first_byte": 12, "requests 200": 7, "durations 200": 7}
	for position, want := range map[string]map[string]float64{"per call": calls, "per attempt": attempts, "wire": attempts, "base": attempts} {
		t.Run(position, func(t *testing.T) {
			t.Parallel()
			metrics := newInstruments()
			inMemory(t, everywhere("promhttp", metrics.wrap)[position], func(r *rig) { r.record() })
			if got := metrics.values(t); !maps.Equal(got, want) {
				t.Errorf("the metrics are %v, want %v", got, want)
			}
		})
	}
}

// values returns the values of the gauge and the counters, and how often the
// histograms measured something, each by its name and label.
func (m instruments) values(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]float64)
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := family.GetName()
			for _, label := range metric.GetLabel() {
				name += " " + label.GetValue()
			}
			values[name] = metric.GetGauge().GetValue() + metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return values
}
