package transport_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// raw returns a bare client whose first call meets the fault.
func raw(t *testing.T, fault prefactortest.Fault) (*transport.Client, *prefactortest.Fake) {
	t.Helper()
	fake := prefactortest.New()
	fake.Inject(fault)
	client, err := transport.NewClient("http://localhost", fake.RoundTripper())
	if err != nil {
		t.Fatal(err)
	}
	return client, fake
}

func TestARawRequestSendsWhatItSays(t *testing.T) {
	t.Parallel()
	client, fake := raw(t, prefactortest.On("*").Reply(201).Header("X-Request-Id", "req-1").Body(`{"status":"success","details":{"id":"123"}}`))
	result, err := client.Do(t.Context(), transport.Request{
		Method: http.MethodPost,
		Path:   "/agent/{id}/retire",
		Values: []string{"agent-1"},
		Query:  url.Values{"dry": {"a b", "c"}},
		Body:   map[string]any{"n": 1},
	}, transport.WithIdempotencyKey("test-idempotency-key-123"), transport.WithHeader("X-Team", "billing"))
	if err != nil {
		t.Fatal(err)
	}
	if result.Status != 201 || result.Header.Get("X-Request-Id") != "req-1" || string(result.Document) != `{"status":"success","details":{"id":"123"}}` {
		t.Errorf("result = %d, %v, %s", result.Status, result.Header, result.Document)
	}
	sent := fake.Journal()[0]
	if sent.Method != http.MethodPost || sent.Path != "/api/v1/agent/agent-1/retire" || sent.Query.Encode() != "dry=a+b&dry=c" {
		t.Errorf("sent %s %s?%s", sent.Method, sent.Path, sent.Query.Encode())
	}
	if string(sent.Body) != `{"n":1,"idempotency_key":"test-idempotency-key-123"}` {
		t.Errorf("body = %s", sent.Body)
	}
	if sent.HeaderKey != "test-idempotency-key-123" || sent.Header.Get("X-Team") != "billing" || sent.Header.Get("Content-Type") != "application/json" {
		t.Errorf("header = %v", sent.Header)
	}
}

func TestARawPathMayHoldTheAPIsOwn(t *testing.T) {
	t.Parallel()
	client, fake := raw(t, prefactortest.On("*").Reply(200))
	if _, err := client.Do(t.Context(), transport.Request{Method: http.MethodGet, Path: "/api/v1/ping"}); err != nil {
		t.Fatal(err)
	}
	if sent := fake.Journal()[0]; sent.Path != "/api/v1/ping" || len(sent.Body) != 0 || sent.Header.Get("Content-Type") != "" {
		t.Errorf("sent %s with body %q of type %q", sent.Path, sent.Body, sent.Header.Get("Content-Type"))
	}
}

func TestAReadHasNoKey(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		client, fake := raw(t, prefactortest.On("*").Reply(204))
		if _, err := client.Do(t.Context(), transport.Request{Method: method, Path: "/ping"}); err != nil {
			t.Fatal(err)
		}
		if sent := fake.Journal()[0]; sent.Key != "" {
			t.Errorf("%s has the key %q", method, sent.Key)
		}
	}
}

func TestTheKeyOfABodyThatIsNoObjectTravelsInTheHeader(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, method string
		body         any
		want         string
	}{
		{"a list", http.MethodPost, []int{1, 2}, `[1,2]`},
		{"no body", http.MethodPost, nil, ``},
		{"a deletion", http.MethodDelete, map[string]any{"a": 1}, `{"a":1}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client, fake := raw(t, prefactortest.On("*").Reply(200))
			request := transport.Request{Method: test.method, Path: "/agent/a1", Body: test.body}
			if _, err := client.Do(t.Context(), request, transport.WithIdempotencyKey("key-0001")); err != nil {
				t.Fatal(err)
			}
			if sent := fake.Journal()[0]; sent.HeaderKey != "key-0001" || string(sent.Body) != test.want {
				t.Errorf("key %q, body %s", sent.HeaderKey, sent.Body)
			}
		})
	}
}

func TestTheAnswerOfARawRequest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, document string
		kind           error // nil for a success
	}{
		{"an object", `{"status":"success","summaries":[]}`, nil},
		{"an object without a status", `{"success":true}`, nil},
		{"a list", `[1]`, nil},
		{"a number of many digits", `9007199254740993`, nil},
		{"an error under 200", `{"status":"error","code":"not_found","message":"m"}`, errs.ErrNotFound},
		{"a page", `<html>ok</html>`, errs.ErrContract},
		{"a broken document", `{"status":}`, errs.ErrContract},
		{"half a document", `{"status":`, errs.ErrNetwork},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client, _ := raw(t, prefactortest.On("*").Reply(200).Body(test.document))
			result, err := client.Do(t.Context(), transport.Request{Method: http.MethodPost, Path: "/test"})
			if !errors.Is(err, test.kind) {
				t.Fatalf("got %v, want %v", err, test.kind)
			}
			if err == nil && string(result.Document) != test.document {
				t.Errorf("Document = %s", result.Document)
			}
		})
	}
	for name, body := range map[string]io.ReadCloser{"nothing": http.NoBody, "nothing, of unknown length": io.NopCloser(strings.NewReader(""))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := transport.NewClient("http://localhost", baseFunc(func(req *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 204, Header: http.Header{}, Body: body, ContentLength: -1, Request: req}, req.Body.Close()
			}))
			if err != nil {
				t.Fatal(err)
			}
			result, err := client.Do(t.Context(), transport.Request{Method: http.MethodPost, Path: "/test", Body: struct{}{}})
			if err != nil || result.Status != 204 || result.Document != nil {
				t.Errorf("got %+v, %v", result, err)
			}
		})
	}
}

func TestErrorsOfARawRequestTellTheTemplateNotTheValues(t *testing.T) {
	t.Parallel()
	client, _ := raw(t, prefactortest.On("*").Reply(404).Body(`{"code":"not_found","message":"Resource not found"}`))
	_, err := client.Do(t.Context(), transport.Request{Method: http.MethodPost, Path: "/agent_instance/{id}/finish", Values: []string{"unknown-id"}})
	notFound, ok := errors.AsType[*errs.NotFoundError](err)
	if !ok || notFound.Status != 404 || notFound.Code != "not_found" || notFound.Message != "Resource not found" {
		t.Errorf("got %v", err)
	}
	call, ok := errors.AsType[*errs.Error](err)
	if !ok || call.Operation != "request" || call.Route != "/agent_instance/{id}/finish" || strings.Contains(err.Error(), "unknown-id") {
		t.Errorf("got %v", err)
	}
}

func TestARawRequestIsCheckedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, field string
		request     transport.Request
	}{
		{"no method", "Method", transport.Request{Path: "/ping"}},
		{"no path", "Path", transport.Request{Method: "GET"}},
		{"a path without a slash", "Path", transport.Request{Method: "GET", Path: "ping"}},
		{"a query in the path", "Path", transport.Request{Method: "GET", Path: "/ping?a=b"}},
		{"a fragment in the path", "Path", transport.Request{Method: "GET", Path: "/ping#a"}},
		{"a value too few", "id", transport.Request{Method: "GET", Path: "/agent/{id}"}},
		{"a value too many", "path values", transport.Request{Method: "GET", Path: "/agent", Values: []string{"a"}}},
		{"an empty value", "id", transport.Request{Method: "GET", Path: "/agent/{id}", Values: []string{""}}},
		{"a value that leads elsewhere", "id", transport.Request{Method: "GET", Path: "/agent/{id}", Values: []string{".."}}},
		{"a body that can't be encoded", "body", transport.Request{Method: "POST", Path: "/test", Body: func() {}}},
		{"a member that can't be encoded", "a.b[0]", transport.Request{Method: "POST", Path: "/test", Body: map[string]any{"a": map[string]any{"b": []any{func() {}}}}}},
		{"an empty key in the body", "idempotency_key", transport.Request{Method: "POST", Path: "/test", Body: map[string]any{"idempotency_key": ""}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client, fake := raw(t, prefactortest.On("*").Reply(200).Optional())
			_, err := client.Do(t.Context(), test.request)
			fault, ok := errors.AsType[*errs.ClientError](err)
			if !ok || fault.Field != test.field {
				t.Errorf("got %v, want a ClientError about %s", err, test.field)
			}
			if _, ok := errors.AsType[*errs.Error](err); !ok {
				t.Errorf("got a %T", err)
			}
			if n := len(fake.Journal()); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
	t.Run("two keys", func(t *testing.T) {
		t.Parallel()
		client, _ := raw(t, prefactortest.On("*").Reply(200).Optional())
		request := transport.Request{Method: "POST", Path: "/test", Body: map[string]any{"idempotency_key": "key-0001"}}
		if _, err := client.Do(t.Context(), request, transport.WithIdempotencyKey("key-0002")); !errors.Is(err, errs.ErrClient) {
			t.Errorf("got %v, want a ClientError", err)
		}
	})
}

func TestWithMetaHasStatusHeaderAndKeyOfASuccess(t *testing.T) {
	t.Parallel()
	var meta transport.Meta
	client, _ := raw(t, prefactortest.On("*").Reply(201).Header("X-Request-Id", "req-1"))
	request := transport.Request{Method: "POST", Path: "/test", Body: struct{}{}}
	if _, err := client.Do(t.Context(), request, transport.WithIdempotencyKey("key-0001"), transport.WithMeta(&meta)); err != nil {
		t.Fatal(err)
	}
	if meta.Status != 201 || meta.Header.Get("X-Request-Id") != "req-1" || meta.Key != "key-0001" {
		t.Errorf("meta = %+v", meta)
	}
}

func TestARawRequestEndsWithItsTimeout(t *testing.T) {
	t.Parallel()
	client, _ := raw(t, prefactortest.On("*").Hang())
	_, err := client.Do(t.Context(), transport.Request{Method: "GET", Path: "/ping"}, transport.WithTimeout(time.Millisecond))
	if !errors.Is(err, errs.ErrCanceled) {
		t.Errorf("got %v, want a CanceledError", err)
	}
}
