package bulk_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/resources/bulk"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

// canned is a server that answers each request with a body.
type canned []byte

func (c canned) RoundTrip(req *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, req.Body)
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(c)), ContentLength: int64(len(c))}, nil
}

// many returns a service and a request of n items, to which the service's server
// answers with success.
func many(t testing.TB, n int) (*bulk.Service, bulk.Request) {
	t.Helper()
	var answer strings.Builder
	answer.WriteString(`{"status":"success","outputs":{`)
	request := bulk.Request{Items: make([]bulk.Item, n)}
	payload := map[string]any{"model": "m", "messages": []any{map[string]any{"role": "user", "content": strings.Repeat("text ", 40)}}, "temperature": 0.5, "n": 1}
	for i := range request.Items {
		item := bulk.CreateSpan("", spans.CreateParams{AgentInstanceID: "013xrzp12g3nqk8n0000000000000000", SchemaName: "app:llm", Payload: payload})
		request.Items[i] = item
		if i > 0 {
			answer.WriteByte(',')
		}
		fmt.Fprintf(&answer, `%q:{"status":"success","details":{"type":"agent_span","id":"s","payload":{"text":%q}}}`, item.Key, strings.Repeat("text ", 50))
	}
	answer.WriteString(`}}`)
	client, err := transport.NewClient("http://localhost", canned(answer.String()))
	if err != nil {
		t.Fatal(err)
	}
	return bulk.New(client), request
}

func TestAnItemAllocatesLittle(t *testing.T) {
	const items, runs = 500, 5
	service, request := many(t, items)
	execute := func() {
		response, err := service.Execute(t.Context(), request)
		if err != nil || response.Err() != nil || len(response.Outputs) != items {
			t.Fatal(err, response.Err())
		}
	}
	execute()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		execute()
	}
	runtime.ReadMemStats(&after)
	allocations := float64(after.Mallocs-before.Mallocs) / (runs * items)
	size := float64(after.TotalAlloc-before.TotalAlloc) / (runs * items)
	if allocations > 10 || size > 6000 {
		t.Errorf("an item makes %.1f allocations of %.0f bytes, want 10 of 6000 at most", allocations, size)
	}
}

func BenchmarkExecute(b *testing.B) {
	const items = 500
	service, request := many(b, items)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%items == 0 {
			if _, err := service.Execute(b.Context(), request); err != nil {
				b.Fatal(err)
			}
		}
	}
}
