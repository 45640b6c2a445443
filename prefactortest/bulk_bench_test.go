package prefactortest_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// BenchmarkBulk measures what an item of a bulk request costs the fake. The
// requests are written, and the fake replaced, while the clock is stopped.
func BenchmarkBulk(b *testing.B) {
	const items, requests = 100, 50
	b.ReportAllocs()
	var queue []string
	var c client
	for n := 0; b.Loop(); n++ {
		if n%items != 0 {
			continue
		}
		if len(queue) == 0 {
			b.StopTimer()
			c = direct(b, prefactortest.New(prefactortest.WithJournalLimit(1)))
			queue = bulkRequests(c.started(), requests, items)
			b.StartTimer()
		}
		resp, err := c.rt.RoundTrip(c.request("POST", "/bulk", queue[0]))
		if err != nil || resp.StatusCode != 200 {
			b.Fatal(resp, err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			b.Fatal(err)
		}
		resp.Body.Close()
		queue = queue[1:]
	}
}

// bulkRequests returns the bodies of requests that create spans.
func bulkRequests(instance string, requests, items int) []string {
	bodies := make([]string, requests)
	for n := range bodies {
		all := make([]string, items)
		for i := range all {
			all[i] = fmt.Sprintf(`"_type":"agent_spans/create","idempotency_key":"item-%d-%d",%s`, n, i,
				strings.TrimSuffix(strings.TrimPrefix(spanBody(instance, "active", ""), "{"), "}"))
		}
		bodies[n] = bulk(all...)
	}
	return bodies
}
