package prefactortest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// BenchmarkBulk measures an item of a bulk request.
func BenchmarkBulk(b *testing.B) {
	const items = 100
	f := prefactortest.New(prefactortest.WithJournalLimit(1))
	c := direct(b, f)
	instance := c.started()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%items != 0 {
			continue
		}
		var body strings.Builder
		body.WriteString(`{"items":[`)
		for i := range items {
			if i > 0 {
				body.WriteByte(',')
			}
			fmt.Fprintf(&body, `{"_type":"agent_spans/create","idempotency_key":"item-%d-%d",%s`, n, i,
				strings.TrimPrefix(spanBody(instance, "active", ""), "{"))
		}
		body.WriteString("]}")
		if a, err := c.send(c.request("POST", "/bulk", body.String())); err != nil || a.status != 200 {
			b.Fatal(err, a.status)
		}
	}
}
