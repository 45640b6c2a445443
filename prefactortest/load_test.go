package prefactortest_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// fill creates n spans of a new instance, in bulk.
func (c client) fill(n int) (instance string) {
	c.t.Helper()
	const batch = 500
	instance = c.started()
	for first := 0; first < n; first += batch {
		items := make([]string, 0, batch)
		for k := first; k < min(n, first+batch); k++ {
			items = append(items, fmt.Sprintf(`"_type":"agent_spans/create","idempotency_key":"%s-%d",%s`,
				instance, k, strings.TrimSuffix(strings.TrimPrefix(spanBody(instance, "complete", ""), "{"), "}")))
		}
		c.post("/bulk", bulk(items...)).must(c.t)
	}
	return instance
}

// pages reads all pages of a list and returns the number of rows.
func (c client) pages(list string) (rows int) {
	c.t.Helper()
	for offset := 0; ; offset += 100 {
		resp, err := c.rt.RoundTrip(c.request("GET", fmt.Sprintf("%spagination[page_size]=100&pagination[offset]=%d", list, offset), ""))
		if err != nil {
			c.t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			c.t.Fatal(err)
		}
		resp.Body.Close()
		rows += bytes.Count(body, []byte(`"type":"agent_span"`))
		if bytes.Contains(body, []byte(`"next_page_offset":null`)) {
			return rows
		}
	}
}

func TestConcurrentClientsSeeAllPages(t *testing.T) {
	t.Parallel()
	const clients, each = 8, 400
	f := prefactortest.New()
	c := direct(t, f)
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			instance := c.fill(each)
			if n := c.pages("/agent_spans?agent_instance_id=" + instance + "&"); n != each {
				t.Errorf("the pages of an instance hold %d spans, want %d", n, each)
			}
		})
	}
	wg.Wait()
	for _, list := range []string{"/agent_spans?", "/agent_spans?sorting=-started_at&"} {
		if n := c.pages(list); n != clients*each {
			t.Errorf("the pages of %s hold %d spans, want %d", list, n, clients*each)
		}
	}
}

func BenchmarkCreateSpan(b *testing.B) {
	f := prefactortest.New()
	c := direct(b, f)
	body := spanBody(c.started(), "active", "")
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		c.send(c.request("POST", "/agent_spans", withKey(body, fmt.Sprint("key-", n))))
	}
}

// BenchmarkPages reads all pages of a list of 100,000 spans.
func BenchmarkPages(b *testing.B) {
	const spans = 100_000
	c := direct(b, prefactortest.New())
	c.fill(spans)
	for _, list := range []string{"/agent_spans?", "/agent_spans?sorting=-started_at&"} {
		b.Run(list, func(b *testing.B) {
			for b.Loop() {
				if n := c.pages(list); n != spans {
					b.Fatalf("%d rows, want %d", n, spans)
				}
			}
		})
	}
}

// What a response shows doesn't change while it is sent.
func TestConcurrentReadersAndWriters(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	instance := c.started()
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for k := range 100 {
				body := strings.Replace(spanBody(instance, "complete", ""), "app:llm", fmt.Sprintf("app:%d", n*100+k), 1)
				c.post("/agent_spans", body).must(t)
				c.raise(instance, fmt.Sprint(n), "info", "")
				f.SetRiskScore(instance, prefactortest.RiskScore{TotalScore: float64(k)})
			}
		})
		wg.Go(func() {
			for range 25 {
				for _, path := range []string{
					"/agent_instance/" + instance, "/agent_instance", "/agent_instance/" + instance + "/agent_context",
					"/agent_spans?include_risk_level=true", "/alerts?sorting=name", "/alerts/count", "/agent",
				} {
					c.get(path).must(t)
				}
			}
		})
	}
	wg.Wait()
	if i, _ := f.Instance(instance); i.SpanCounts.Total != 800 || i.RaisedAlertCount != 4 {
		t.Errorf("the fake holds %+v", i)
	}
}
