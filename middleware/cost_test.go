package middleware_test

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

const spanDocument = `{"status":"success","details":{"type":"agent_span","id":"013xrzp12g3nqk8n0000000000000001","account_id":"013xrzp12g3nqk8n0000000000000002",` +
	`"agent_id":"013xrzp12g3nqk8n0000000000000003","agent_instance_id":"013xrzp12g3nqk8n0000000000000004","parent_span_id":null,"schema_name":"app:llm",` +
	`"schema_title":"app:llm","status":"active","payload":{"prompt":"What is the weather in Perth?","tokens":17},"result_payload":null,"summary":null,` +
	`"started_at":"2026-04-13T00:46:31.218000Z","finished_at":null}}`

// memory is a base that responds from memory, without a connection.
type memory struct{}

func (memory) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
	return &http.Response{
		StatusCode:    http.StatusOK,
		Header:        http.Header{"Content-Type": {"application/json"}},
		ContentLength: int64(len(spanDocument)),
		Body:          io.NopCloser(bytes.NewReader([]byte(spanDocument))),
		Request:       req,
	}, nil
}

var spanParams = spans.CreateParams{
	AgentInstanceID: "013xrzp12g3nqk8n0000000000000004",
	SchemaName:      "app:llm",
	Payload:         map[string]any{"prompt": "What is the weather in Perth?", "tokens": 17},
}

// onMemory returns the spans service on a stack over memory.
func onMemory(tb testing.TB, stack transport.Stack) *spans.Service {
	tb.Helper()
	rt, err := stack.RoundTripper(memory{})
	if err != nil {
		tb.Fatal(err)
	}
	client, err := transport.NewClient("https://api.example", rt)
	if err != nil {
		tb.Fatal(err)
	}
	return spans.New(client)
}

func defaultStack() transport.Stack {
	return middleware.Default(middleware.NewConfig("https://api.example", "pf_token"))
}

// One span create through the default stack, and for comparison the same work
// by hand.
func BenchmarkSpanCreate(b *testing.B) {
	b.Run("default stack", func(b *testing.B) {
		service := onMemory(b, defaultStack())
		b.ReportAllocs()
		for b.Loop() {
			if _, err := service.Create(b.Context(), spanParams); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare client", func(b *testing.B) {
		service := onMemory(b, transport.NewStack())
		b.ReportAllocs()
		for b.Loop() {
			if _, err := service.Create(b.Context(), spanParams); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("default stack over loopback", func(b *testing.B) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, spanDocument)
		}))
		defer server.Close()
		cfg := middleware.NewConfig(server.URL, "pf_token")
		base := middleware.NewBase(cfg)
		defer base.CloseIdleConnections()
		service := spans.New(newClient(b, middleware.Default(cfg), server.URL, base))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := service.Create(b.Context(), spanParams); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by hand", func(b *testing.B) {
		client := &http.Client{Transport: memory{}}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := createByHand(b.Context(), client); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// handSpan has the fields that createByHand decodes.
type handSpan struct {
	Status  string `json:"status"`
	Details struct {
		ID              string             `json:"id"`
		AccountID       string             `json:"account_id"`
		AgentID         string             `json:"agent_id"`
		AgentInstanceID string             `json:"agent_instance_id"`
		SchemaName      string             `json:"schema_name"`
		SchemaTitle     string             `json:"schema_title"`
		Status          string             `json:"status"`
		Payload         stdjson.RawMessage `json:"payload"`
		StartedAt       string             `json:"started_at"`
	} `json:"details"`
}

// createByHand is what a program without this module would do: no retry, no
// timeout, no typed errors.
func createByHand(ctx context.Context, client *http.Client) (*handSpan, error) {
	body, err := stdjson.Marshal(map[string]any{
		"idempotency_key": uuid.NewString(),
		"details": map[string]any{
			"agent_instance_id": spanParams.AgentInstanceID, "schema_name": spanParams.SchemaName,
			"status": "active", "payload": spanParams.Payload,
		},
	})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.example/api/v1/agent_spans", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer pf_token")
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	var span handSpan
	return &span, stdjson.NewDecoder(resp.Body).Decode(&span)
}

// The numbers guard the success path: one clone, one encode, one decode. A
// change that raises one needs a reason. By hand the same work takes 73.
func TestASuccessAllocatesLittle(t *testing.T) {
	if underRace {
		t.Skip("the race detector allocates too")
	}
	for _, tt := range []struct {
		name  string
		stack transport.Stack
		most  float64
	}{
		{"bare client", transport.NewStack(), 35},
		{"default stack", defaultStack(), 70},
	} {
		service := onMemory(t, tt.stack)
		ctx := t.Context()
		got := testing.AllocsPerRun(200, func() {
			if _, err := service.Create(ctx, spanParams); err != nil {
				t.Fatal(err)
			}
		})
		if got > tt.most {
			t.Errorf("%s: %v allocations a call, want %v at most", tt.name, got, tt.most)
		}
		t.Logf("%s: %v allocations a call", tt.name, got)
	}
}

// Retry makes the only clone of a call. Auth copies the header once more: only
// the request that is sent has the token, and nothing that a layer outside can
// reach.
func TestARequestIsClonedOnceACall(t *testing.T) {
	t.Parallel()
	var copies []string // the layers whose header map is not that of the layer outside
	var last uintptr
	spy := func(outside string) transport.Layer {
		return transport.NewLayerFunc("spy outside "+outside, transport.Anywhere, func(req *http.Request, next transport.Next) (*http.Response, error) {
			if at := reflect.ValueOf(req.Header).Pointer(); at != last {
				copies, last = append(copies, outside), at
			}
			return next(req)
		})
	}
	stack := defaultStack()
	for _, name := range []string{"identify", "idempotency", "retry", "timeout", "classify", "envelope", "auth"} {
		stack = stack.Before(name, spy(name))
	}
	if _, err := onMemory(t, stack.Wire(spy("the base"))).Create(t.Context(), spanParams); err != nil {
		t.Fatal(err)
	}
	if want := []string{"identify", "timeout", "the base"}; !slices.Equal(copies, want) {
		t.Errorf("the header was made or copied outside %v, want %v", copies, want)
	}
}
