package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// thing is the document of the operations here.
type thing struct {
	Details *struct {
		Name string `json:"name"`
	} `json:"details"`
}

func (d *thing) Check(jsontext.Value) error {
	if d.Details == nil {
		return errors.New("its document has no details")
	}
	return nil
}

var (
	makeThing   = transport.NewOp[thing]("things.make", http.MethodPost, "/thing")
	getThing    = transport.NewOp[thing]("things.get", http.MethodGet, "/thing/{id}")
	removeThing = transport.NewOp[struct{}]("things.remove", http.MethodDelete, "/thing/{id}")
	sortThings  = transport.NewOp[struct{}]("things.sort", http.MethodPost, "/thing/sort", transport.HeaderKey())
)

// bare returns a client over http.DefaultTransport, without any layer.
func bare(t *testing.T, handler http.HandlerFunc) *transport.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := transport.NewClient(server.URL, http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestABareTransportDecodesAndTypes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   string
		is     error
	}{
		{"success", 200, `{"status":"success","details":{"name":"a"},"new":{"b":1}}`, "a", nil},
		{"created", 201, `{"status":"success","details":{"name":"a"}}`, "a", nil},
		{"without a status", 200, `{"details":{"name":"a"}}`, "a", nil},
		{"duplicate names", 200, `{"details":{"name":"a","name":"b"}}`, "b", nil},
		{"without details", 200, `{"status":"success"}`, "", errs.ErrContract},
		{"null details", 200, `{"status":"success","details":null}`, "", errs.ErrContract},
		{"empty", 200, ``, "", errs.ErrContract},
		{"no content", 204, ``, "", errs.ErrContract},
		{"blank", 200, " \n", "", errs.ErrContract},
		{"cut", 200, `{"status":"success","details":{"na`, "", errs.ErrNetwork},
		{"cut before a byte order mark", 200, "\ufeff" + `{"status":"success","details":{"na`, "", errs.ErrNetwork},
		{"cut under 422", 422, `{"status":"error","code":"validation_err`, "", errs.ErrNetwork},
		{"byte order mark", 200, "\ufeff" + `{"status":"success","details":{"name":"a"}}`, "a", nil},
		{"byte order mark under 409", 409, "\ufeff" + `{"status":"error","code":"conflict","message":"m"}`, "", errs.ErrConflict},
		{"details twice", 200, `{"details":{"name":"a","old":1},"details":{"name":"b"}}`, "b", nil},
		{"details and then none", 200, `{"details":{"name":"a"},"details":null}`, "", errs.ErrContract},
		{"a status twice", 200, `{"status":"success","details":{"name":"a"},"status":"error","code":"not_found"}`, "", errs.ErrNotFound},
		{"more than a document", 200, `{"details":{"name":"a"}} {}`, "", errs.ErrContract},
		{"page", 200, `<html>`, "", errs.ErrContract},
		{"list", 200, `[]`, "", errs.ErrContract},
		{"error under 200", 200, `{"status":"error","code":"not_found","message":"m"}`, "", errs.ErrNotFound},
		{"redirect", 302, ``, "", errs.ErrContract},
		{"401", 401, `{"status":"error","code":"bad_authtoken","message":"m"}`, "", errs.ErrAuth},
		{"422", 422, `{"status":"error","code":"validation_errors","message":"m","errors":{"a":"b"}}`, "", errs.ErrValidation},
		{"page under 502", 502, `<html>`, "", errs.ErrContract},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := makeThing.Do(t.Context(), bare(t, answer(tt.status, tt.body)), transport.Input{Body: struct{}{}})
			if tt.is == nil {
				if err != nil || got.Details.Name != tt.want {
					t.Errorf("got %+v, %v", got, err)
				}
				return
			}
			failure, ok := errors.AsType[*errs.Error](err)
			if !ok || !errors.Is(err, tt.is) {
				t.Fatalf("got %v, want one that matches %v", err, tt.is)
			}
			if failure.Operation != "things.make" || failure.Method != "POST" || failure.Route != "/thing" || len(failure.Attempts) != 1 || failure.Attempts[0].Status != tt.status {
				t.Errorf("the error holds %+v", failure)
			}
		})
	}
}

func TestACallersKeyIsSentWithoutTheIdempotencyLayer(t *testing.T) {
	t.Parallel()
	var header, body string
	client := bare(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		header, body = r.Header.Get("Idempotency-Key"), string(b)
		answer(200, `{"details":{"name":"a"}}`)(w, r)
	})
	key := transport.WithIdempotencyKey("mine-0001")
	input := transport.Input{Values: []string{"x"}, Body: map[string]int{"b": 2, "a": 1}}
	for _, tt := range []struct {
		name         string
		call         func() error
		header, body string
	}{
		{"POST", func() error {
			_, err := makeThing.Do(t.Context(), client, transport.Input{Body: input.Body}, key)
			return err
		}, "mine-0001", `{"a":1,"b":2,"idempotency_key":"mine-0001"}`},
		{"POST without one", func() error {
			_, err := makeThing.Do(t.Context(), client, transport.Input{Body: input.Body})
			return err
		}, "", `{"a":1,"b":2}`},
		{"header only", func() error {
			_, err := sortThings.Do(t.Context(), client, transport.Input{Body: input.Body}, key)
			return err
		}, "mine-0001", `{"a":1,"b":2}`},
		{"DELETE", func() error { _, err := removeThing.Do(t.Context(), client, input, key); return err }, "mine-0001", `{"a":1,"b":2}`},
		{"GET", func() error {
			_, err := getThing.Do(t.Context(), client, transport.Input{Values: []string{"x"}}, key)
			return err
		}, "", ""},
		{"in the body of a raw request", func() error {
			_, err := client.Do(t.Context(), transport.Request{Method: "POST", Path: "/thing", Body: map[string]string{"idempotency_key": "mine-0001"}})
			return err
		}, "mine-0001", `{"idempotency_key":"mine-0001"}`},
	} {
		if err := tt.call(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if header != tt.header || body != tt.body {
			t.Errorf("%s: sent the header %q and the body %s", tt.name, header, body)
		}
	}
}

func TestABadCallSendsNothing(t *testing.T) {
	t.Parallel()
	var sent atomic.Int32
	client := bare(t, func(http.ResponseWriter, *http.Request) { sent.Add(1) })
	var noContext context.Context
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name string
		call func() error
		want string
	}{
		{"two keys", func() error {
			_, err := makeThing.Do(t.Context(), client, transport.Input{}, transport.WithHeader("Idempotency-Key", "one"), transport.WithIdempotencyKey("two"))
			return err
		}, "idempotency key is given twice, and differs: give one"},
		{"raw path that walks", func() error {
			_, err := client.Do(t.Context(), transport.Request{Method: "GET", Path: "/thing/../secret"})
			return err
		}, "Path must not hold the segments . and .., which lead to another path"},
		{"no path value", func() error { _, err := getThing.Do(t.Context(), client, transport.Input{}); return err },
			"id is missing: the route /thing/{id} needs it"},
		{"empty path value", func() error {
			_, err := getThing.Do(t.Context(), client, transport.Input{Values: []string{""}})
			return err
		}, "id is empty"},
		{"path value that walks", func() error {
			_, err := getThing.Do(t.Context(), client, transport.Input{Values: []string{".."}})
			return err
		}, "id must not be .., which leads to another path"},
		{"too many path values", func() error {
			_, err := getThing.Do(t.Context(), client, transport.Input{Values: []string{"a", "b"}})
			return err
		}, "path values are more than the route /thing/{id} has"},
		{"long key", func() error {
			_, err := makeThing.Do(t.Context(), client, transport.Input{}, transport.WithIdempotencyKey(strings.Repeat("k", 65)))
			return err
		}, "idempotency key must have 1 to 64 visible ASCII characters"},
		{"empty key", func() error {
			_, err := makeThing.Do(t.Context(), client, transport.Input{}, transport.WithIdempotencyKey(""))
			return err
		}, "idempotency key must have 1 to 64 visible ASCII characters"},
		{"header that can't be sent", func() error {
			_, err := makeThing.Do(t.Context(), client, transport.Input{}, transport.WithHeader("X-A", "a\nb"))
			return err
		}, `request can't be sent (net/http: invalid header field value for "X-A")`},
		{"no context", func() error { _, err := makeThing.Do(noContext, client, transport.Input{}); return err },
			"context is nil: give the caller's context, or context.Background()"},
		{"no client", func() error { _, err := makeThing.Do(t.Context(), nil, transport.Input{}); return err },
			"client is nil or empty: make it with transport.NewClient or resources.Open"},
		{"the zero client", func() error {
			_, err := new(transport.Client).Do(t.Context(), transport.Request{Method: "GET", Path: "/ping"})
			return err
		}, "client is nil or empty: make it with transport.NewClient or resources.Open"},
		{"a nil option", func() error {
			_, err := makeThing.Do(t.Context(), client, transport.Input{}, transport.WithTimeout(time.Second), nil)
			return err
		}, "call option 2 is nil: leave it out"},
		{"the zero operation", func() error {
			_, err := new(transport.Op[struct{}]).Do(t.Context(), client, transport.Input{})
			return err
		}, "operation is nil or empty: make it with transport.NewOp or transport.NewDetailsOp"},
		{"an operation without a name", func() error {
			_, err := transport.NewOp[struct{}]("", "GET", "/ping", nil).Do(t.Context(), client, transport.Input{})
			return err
		}, "operation name is empty: give one, such as agent_spans.finish"},
		{"an operation without a route", func() error {
			_, err := transport.NewOp[struct{}]("ping", "GET", "").Do(t.Context(), client, transport.Input{})
			return err
		}, "operation route must begin with a slash: give the path below /api/v1"},
		{"a nil option of an operation", func() error {
			_, err := transport.NewOp[struct{}]("ping", "GET", "/ping", nil).Do(t.Context(), client, transport.Input{})
			return err
		}, "operation option 1 is nil: leave it out"},
		{"ended context", func() error { _, err := makeThing.Do(ended, client, transport.Input{}); return err },
			"canceled by the caller"},
		{"no time", func() error {
			_, err := makeThing.Do(t.Context(), client, transport.Input{}, transport.WithTimeout(-time.Second))
			return err
		}, "the caller's deadline passed, allow more time"},
	} {
		err := tt.call()
		failure, ok := errors.AsType[*errs.Error](err)
		if !ok || failure.Err.Error() != tt.want || len(failure.Attempts) != 0 && !strings.Contains(tt.name, "header") {
			t.Errorf("%s: got %v", tt.name, err)
		}
		if errs.MaybeApplied(err) || !errors.Is(err, errs.ErrClient) && !errors.Is(err, errs.ErrCanceled) {
			t.Errorf("%s: %v is neither the caller's mistake nor cancellation", tt.name, err)
		}
	}
	if n := sent.Load(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestTextThatIsNotUTF8IsReplaced(t *testing.T) {
	t.Parallel()
	var body []byte
	client := bare(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		answer(200, `{"details":{"name":"a"}}`)(w, r)
	})
	cut := "caf\xc3" // a text cut within a character
	if _, err := makeThing.Do(t.Context(), client, transport.Input{Body: map[string]any{"text": cut}}); err != nil {
		t.Fatal(err)
	}
	if got, want := string(body), "{\"text\":\"caf\uFFFD\"}"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}

func TestPathsAreEscapedBelowThePrefix(t *testing.T) {
	t.Parallel()
	var path string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.EscapedPath()
		answer(200, `{"details":{"name":"a"}}`)(w, r)
	}))
	defer server.Close()
	for base, prefix := range map[string]string{
		"": "/api/v1", "/": "/api/v1", "/api/v1": "/api/v1", "/api/v1/": "/api/v1", "/gateway": "/gateway/api/v1", "/gateway/api/v1/": "/gateway/api/v1",
	} {
		client, err := transport.NewClient(server.URL+base, http.DefaultTransport)
		if err != nil {
			t.Fatal(err)
		}
		for id, escaped := range map[string]string{"plain": "plain", "../x": "..%2Fx", "a b?c#d": "a%20b%3Fc%23d", "ü": "%C3%BC", "100%": "100%25"} {
			if _, err := getThing.Do(t.Context(), client, transport.Input{Values: []string{id}}); err != nil {
				t.Fatal(err)
			}
			if want := prefix + "/thing/" + escaped; path != want {
				t.Errorf("base %q, id %q: sent %s, want %s", base, id, path, want)
			}
		}
	}
}

func TestAPathValueIsEscapedInARouteThatNeedsEscaping(t *testing.T) {
	t.Parallel()
	var path string
	client := bare(t, func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.EscapedPath()
		answer(200, `{}`)(w, r)
	})
	for route, want := range map[string]string{
		"/agent name/{id}": "/api/v1/agent%20name/..%2F..%2Fadmin", "/agënt/{id}": "/api/v1/ag%C3%ABnt/..%2F..%2Fadmin",
	} {
		if _, err := client.Do(t.Context(), transport.Request{Method: "GET", Path: route, Values: []string{"../../admin"}}); err != nil {
			t.Fatal(err)
		}
		if path != want {
			t.Errorf("sent %s, want %s", path, want)
		}
	}
}

func TestAnEscapedPrefixIsKept(t *testing.T) {
	t.Parallel()
	var uri string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uri = r.RequestURI
		answer(200, `{"details":{"name":"a"}}`)(w, r)
	}))
	defer server.Close()
	for base, want := range map[string]string{"/a%2Fb": "/a%2Fb/api/v1/thing/x", "/a%2Fb/api/v1/": "/a%2Fb/api/v1/thing/x", "?": "/api/v1/thing/x"} {
		client, err := transport.NewClient(server.URL+base, http.DefaultTransport)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := getThing.Do(t.Context(), client, transport.Input{Values: []string{"x"}}); err != nil || uri != want {
			t.Errorf("base %s: sent %s, want %s; %v", base, uri, want, err)
		}
	}
	if _, err := transport.NewClient(server.URL+"/api/v1 ", http.DefaultTransport); !errors.Is(err, errs.ErrClient) {
		t.Errorf("white space gave %v", err)
	}
}

// on returns a client over layers on a base.
func on(t *testing.T, base http.RoundTripper, layers ...transport.Layer) *transport.Client {
	t.Helper()
	rt, err := transport.NewStack(layers...).RoundTripper(base)
	if err != nil {
		t.Fatal(err)
	}
	client, err := transport.NewClient("http://localhost", rt)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func document(body string) *http.Response {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

var naming = baseFunc(func(*http.Request) (*http.Response, error) { return document(`{"details":{"name":"a"}}`), nil })

func TestALayerThatHidesTheCallLosesNoAnswer(t *testing.T) {
	t.Parallel()
	hides := transport.NewLayerFunc("hides", transport.PerCall, func(req *http.Request, next transport.Next) (*http.Response, error) {
		*req = *req.WithContext(transport.WithoutCall(req.Context()))
		return next(req)
	})
	if got, err := makeThing.Do(t.Context(), on(t, naming, hides), transport.Input{}); err != nil || got.Details.Name != "a" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestACachedResponseIsDecodedForEachCall(t *testing.T) {
	t.Parallel()
	var cached *http.Response
	cache := transport.NewLayerFunc("cache", transport.PerCall, func(req *http.Request, next transport.Next) (resp *http.Response, err error) {
		if cached == nil {
			cached, err = next(req)
			if err == nil {
				transport.Read(req, cached)
			}
		}
		return cached, err
	})
	client := on(t, naming, cache)
	first, err := makeThing.Do(t.Context(), client, transport.Input{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := getThing.Do(t.Context(), client, transport.Input{Values: []string{"x"}})
	if err != nil || second.Details.Name != "a" || second == first {
		t.Errorf("got %+v, %v", second, err)
	}
}

// A layer that sends by a transport of its own goes past the wire's account.
func TestWhatIsSentPastTheWireMayHaveBeenApplied(t *testing.T) {
	t.Parallel()
	reset := &errs.NetworkError{Sent: true, Cause: io.ErrUnexpectedEOF}
	failover := transport.NewLayerFunc("failover", transport.Anywhere, func(*http.Request, transport.Next) (*http.Response, error) { return nil, reset })
	if _, err := makeThing.Do(t.Context(), on(t, naming, failover), transport.Input{}); !errs.MaybeApplied(err) {
		t.Errorf("MaybeApplied is false: %v", err)
	}
	fallback := transport.NewLayerFunc("fallback", transport.PerCall, func(req *http.Request, next transport.Next) (*http.Response, error) {
		if resp, err := next(req); err == nil {
			return resp, nil
		}
		return document(`{"status":"error","code":"down"}`), nil
	})
	cut := baseFunc(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })
	if _, err := makeThing.Do(t.Context(), on(t, cut, fallback), transport.Input{}); !errs.MaybeApplied(err) {
		t.Errorf("MaybeApplied is false: %v", err)
	}
}

func TestASecondRetryIsRefusedAroundAClient(t *testing.T) {
	t.Parallel()
	retry := func(name string) transport.Layer { return layer(name, transport.Retries) }
	if _, err := on(t, naming, retry("retry")).With(retry("another")); !errors.Is(err, errs.ErrClient) {
		t.Errorf("got %v", err)
	}
	if _, err := on(t, naming).With(retry("retry")); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestASwitchOfProtocolsEndsACall(t *testing.T) {
	t.Parallel()
	reader, writer := io.Pipe() // nothing ever comes
	defer writer.Close()
	upgraded := baseFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 101, Header: http.Header{}, Body: reader}, nil
	})
	if _, err := makeThing.Do(t.Context(), on(t, upgraded), transport.Input{}); !errors.Is(err, errs.ErrContract) {
		t.Errorf("got %v", err)
	}
}

func TestWithMetaIsFilledInOnSuccess(t *testing.T) {
	t.Parallel()
	client := bare(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "r-1")
		answer(201, `{"details":{"name":"a"}}`)(w, r)
	})
	var meta transport.Meta
	if _, err := makeThing.Do(t.Context(), client, transport.Input{}, transport.WithMeta(&meta), transport.WithIdempotencyKey("mine-0001")); err != nil {
		t.Fatal(err)
	}
	if meta.Status != 201 || meta.Header.Get("X-Request-Id") != "r-1" || meta.Key != "mine-0001" {
		t.Errorf("got %+v", meta)
	}
}

func TestABaseThatBreaksTheContractGivesOneResult(t *testing.T) {
	t.Parallel()
	closed := new(bool)
	for name, base := range map[string]baseFunc{
		"neither": func(*http.Request) (*http.Response, error) { return nil, nil },
		"both": func(*http.Request) (*http.Response, error) {
			return &http.Response{Body: closeWatcher{http.NoBody, closed}}, errors.New("and an error")
		},
		"no body": func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil },
		"a body that never ends": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(emptyReader{})}, nil
		},
	} {
		client, err := transport.NewClient("http://localhost", base)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := makeThing.Do(t.Context(), client, transport.Input{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if !*closed {
		t.Error("a body beside an error isn't closed")
	}
}

// emptyReader returns nothing, for ever.
type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, nil }

func TestAPlainHTTPClientWorksOnAStack(t *testing.T) {
	t.Parallel()
	pages := map[string]string{"/json": "application/json", "/page": "text/html", "/problem": "application/problem+json", "/stream": "text/event-stream"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/json", http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", pages[r.URL.Path])
		_, _ = io.WriteString(w, `{"path":"`+r.URL.Path+`"}`)
	}))
	defer server.Close()
	reads := transport.NewLayerFunc("reads", transport.Anywhere, func(req *http.Request, next transport.Next) (*http.Response, error) {
		resp, err := next(req)
		if err == nil {
			a := transport.Read(req, resp)
			if a.Err() != nil {
				err = fmt.Errorf("status %d: %w", a.Status(), a.Err())
			}
		}
		return resp, err
	})
	rt, err := transport.NewStack(reads).RoundTripper(http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: rt}
	for _, path := range []string{"/json", "/page", "/problem", "/stream", "/moved"} {
		resp, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		want := `{"path":"` + strings.Replace(path, "moved", "json", 1) + `"}`
		if err != nil || string(body) != want {
			t.Errorf("%s: got %s, %v", path, body, err)
		}
	}
}

func TestOnlyJSONUpToTheBoundIsReadOutsideOfACall(t *testing.T) {
	t.Parallel()
	long := `{"a":"` + strings.Repeat("x", 100) + `"}`
	for _, tt := range []struct {
		name, media, body string
		length            int64
		limit             int64
		buffered          bool
	}{
		{"JSON", "application/json", `{}`, 2, 10, true},
		{"JSON with a charset", "application/json; charset=utf-8", `{}`, -1, 10, true},
		{"JSON of a stated length beyond the bound", "application/json", long, int64(len(long)), 10, false},
		{"JSON of no stated length beyond the bound", "application/json", long, -1, 10, false},
		{"JSON at the bound", "application/json", long, -1, int64(len(long)), true},
		{"page", "text/html", `<html>`, 6, 10, false},
		{"no type", "", `{}`, 2, 10, false},
	} {
		resp := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {tt.media}}, ContentLength: tt.length,
			Body: io.NopCloser(strings.NewReader(tt.body))}
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		a := transport.ReadLimit(req, resp, tt.limit)
		if buffered := a.Document() != nil; buffered != tt.buffered || a.Err() != nil {
			t.Errorf("%s: buffered %t, error %v", tt.name, buffered, a.Err())
		}
		if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != tt.body {
			t.Errorf("%s: the body reads %q, %v", tt.name, rest, err)
		}
	}
}
