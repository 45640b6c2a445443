package transport_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

const generated = "generated-0001"

func TestSetKey(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, method, header, body string
		wantHeader, wantBody       string
		wantErr                    string
	}{
		{"object", "POST", "", `{"a":1}`, generated, `{"a":1,"idempotency_key":"generated-0001"}`, ""},
		{"empty object", "POST", "", `{}`, generated, `{"idempotency_key":"generated-0001"}`, ""},
		{"object with spaces", "POST", "", " {\n \"a\" : 1 \n} \n", generated, " {\n \"a\" : 1,\"idempotency_key\":\"generated-0001\"} \n", ""},
		{"PUT", "PUT", "", `{"a":1}`, generated, `{"a":1,"idempotency_key":"generated-0001"}`, ""},
		{"key in the header", "POST", "mine", `{"a":1}`, "mine", `{"a":1,"idempotency_key":"mine"}`, ""},
		{"key in the body", "POST", "", `{"idempotency_key":"mine","a":1}`, "mine", `{"idempotency_key":"mine","a":1}`, ""},
		{"same key in both", "POST", "mine", `{"idempotency_key":"mine"}`, "mine", `{"idempotency_key":"mine"}`, ""},
		{"key nested only", "POST", "", `{"details":{"idempotency_key":"x"}}`, generated, `{"details":{"idempotency_key":"x"},"idempotency_key":"generated-0001"}`, ""},
		{"key as a value only", "POST", "", `{"a":"idempotency_key"}`, generated, `{"a":"idempotency_key","idempotency_key":"generated-0001"}`, ""},
		{"key name with escapes", "POST", "", `{"idempotency\u005fkey":"mine"}`, "mine", `{"idempotency\u005fkey":"mine"}`, ""},
		{"quotes in the key", "POST", `a"b\c`, `{}`, `a"b\c`, `{"idempotency_key":"a\"b\\c"}`, ""},
		{"list", "POST", "", `[{"a":1}]`, generated, `[{"a":1}]`, ""},
		{"no JSON", "POST", "", `a=1`, generated, `a=1`, ""},
		{"broken JSON", "POST", "", `{"a":`, generated, `{"a":`, ""},
		{"two documents", "POST", "", `{}{}`, generated, `{}{}`, ""},
		{"empty body", "POST", "", ``, generated, ``, ""},
		{"DELETE", "DELETE", "", `{"a":1}`, generated, `{"a":1}`, ""},
		{"DELETE with a key in the body", "DELETE", "", `{"idempotency_key":"mine"}`, "mine", `{"idempotency_key":"mine"}`, ""},
		{"GET", "GET", "", ``, "", ``, ""},
		{"HEAD", "HEAD", "", ``, "", ``, ""},
		{"GET with a caller's key", "GET", "mine", ``, "mine", ``, ""},
		{"two keys", "POST", "mine", `{"idempotency_key":"other"}`, "", "", "idempotency key differs between the Idempotency-Key header and the body: give one"},
		{"two keys in the body", "POST", "", `{"idempotency_key":"a","idempotency_key":"b"}`, "", "", "idempotency_key in the body must be one string"},
		{"key of another type", "POST", "", `{"idempotency_key":1}`, "", "", "idempotency_key in the body must be one string"},
		{"empty key in the body", "POST", "", `{"idempotency_key":""}`, "", "", "idempotency_key in the body is empty: leave it out, or give a key"},
		{"key too long", "POST", strings.Repeat("k", 65), `{}`, "", "", "idempotency key must have 1 to 64 visible ASCII characters"},
		{"longest key", "POST", strings.Repeat("k", 64), `{}`, strings.Repeat("k", 64), `{"idempotency_key":"` + strings.Repeat("k", 64) + `"}`, ""},
		{"key with a space", "POST", "a b", `{}`, "", "", "idempotency key must have 1 to 64 visible ASCII characters"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), tt.method, "http://localhost/", strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			if tt.header != "" {
				req.Header.Set(transport.KeyHeader, tt.header)
			}
			closed := watchClose(req)
			err = transport.SetKey(req, func() string { return generated })
			if tt.wantErr != "" {
				if err == nil || err.Error() != tt.wantErr || !errors.Is(err, errs.ErrClient) {
					t.Errorf("got the error %v, want %s", err, tt.wantErr)
				}
				if !*closed {
					t.Error("the body isn't closed")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := req.Header.Get(transport.KeyHeader); got != tt.wantHeader {
				t.Errorf("header %q, want %q", got, tt.wantHeader)
			}
			for range 2 { // the body, and its replay
				if got := readBody(t, req); got != tt.wantBody {
					t.Errorf("body %s, want %s", got, tt.wantBody)
				}
				if req.GetBody != nil {
					req.Body, _ = req.GetBody()
				}
			}
			if req.ContentLength != int64(len(tt.wantBody)) {
				t.Errorf("content length %d, want %d", req.ContentLength, len(tt.wantBody))
			}
		})
	}
}

func TestAKeyInTheHeaderIsOne(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		header http.Header
		want   string // "" for a ClientError
	}{
		{"twice the same", http.Header{"Idempotency-Key": {"a", "a"}}, "a"},
		{"two", http.Header{"Idempotency-Key": {"a", "b"}}, ""},
		{"of another spelling", http.Header{"idempotency-key": {"a"}}, "a"},
		{"two, of two spellings", http.Header{"idempotency-key": {"a"}, "Idempotency-Key": {"b"}}, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = tt.header
		err = transport.SetKey(req, func() string { return generated })
		if tt.want == "" {
			if !errors.Is(err, errs.ErrClient) {
				t.Errorf("%s: got %v", tt.name, err)
			}
			continue
		}
		if err != nil || len(req.Header) != 1 || !slices.Equal(req.Header["Idempotency-Key"], []string{tt.want}) {
			t.Errorf("%s: the header became %v, %v", tt.name, req.Header, err)
		}
	}
}

func TestTheBodyThatIsReplacedIsClosed(t *testing.T) {
	t.Parallel()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", strings.NewReader(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	closed := watchClose(req)
	if err := transport.SetKey(req, func() string { return generated }); err != nil || !*closed {
		t.Errorf("closed: %t, %v", *closed, err)
	}
}

func TestABodyThatCantBeReplayedKeepsItsBytes(t *testing.T) {
	t.Parallel()
	body := io.NopCloser(strings.NewReader(`{"a":1}`))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if err := transport.SetKey(req, func() string { return generated }); err != nil {
		t.Fatal(err)
	}
	if req.Body != body || req.Header.Get(transport.KeyHeader) != generated {
		t.Error("want the body as it was, and the key in the header")
	}
}

// What isn't known to be a JSON document of a moderate size gets its key in the
// header only, and isn't read.
func TestABodyThatIsNotOursIsLeftAlone(t *testing.T) {
	t.Parallel()
	large := `{"a":"` + strings.Repeat("x", 1<<20) + `"}`
	for _, tt := range []struct {
		name, contentType, header, body string
		stated, left, read              bool
	}{
		{"JSON", "application/json", "", `{"a":1}`, true, false, true},
		{"JSON with a charset", "Application/JSON; charset=utf-8", "", `{"a":1}`, true, false, true},
		{"JSON of another kind", "application/vnd.api+json", "", `{"a":1}`, true, false, true},
		{"no Content-Type", "", "", `{"a":1}`, true, true, false},
		{"text", "text/plain", "", `{"a":1}`, true, true, false},
		{"lines of JSON", "application/x-ndjson", "", `{"a":1}`, true, true, false},
		{"a broken Content-Type", "application/json;;=", "", `{"a":1}`, true, true, false},
		{"a large body", "application/json", "", large, true, true, false},
		{"a large body of unknown length", "application/json", "", large, false, true, true},
		{"a body of unknown length", "application/json", "", `{"a":1}`, false, false, true},
		{"a digest", "application/json", "Content-Digest", `{"a":1}`, true, true, false},
		{"an old digest", "application/json", "Digest", `{"a":1}`, true, true, false},
		{"a signed hash", "application/json", "X-Amz-Content-Sha256", `{"a":1}`, true, true, false},
		{"an encoding", "application/json", "Content-Encoding", `{"a":1}`, true, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			read := 0
			req.GetBody = func() (io.ReadCloser, error) {
				return io.NopCloser(readCounter{strings.NewReader(tt.body), &read}), nil
			}
			if !tt.stated {
				req.ContentLength = -1
			}
			if tt.contentType != "" {
				req.Header.Set("Content-Type", tt.contentType)
			}
			if tt.header != "" {
				req.Header.Set(tt.header, "x")
			}
			if err := transport.SetKey(req, func() string { return generated }); err != nil {
				t.Fatal(err)
			}
			if got := readBody(t, req); (got == tt.body) != tt.left || req.Header.Get(transport.KeyHeader) != generated {
				t.Errorf("left alone: %t; the header is %v", got == tt.body, req.Header)
			}
			if (read > 0) != tt.read || read > 1<<20+1 {
				t.Errorf("%d bytes were read", read)
			}
		})
	}
}

// readCounter counts what is read.
type readCounter struct {
	io.Reader
	read *int
}

func (r readCounter) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	*r.read += n
	return n, err
}

// A layer that sends a request of its own with the call's context, and without
// WithoutCall, must not spoil the call.
func TestACallsKeyIsSetOnce(t *testing.T) {
	t.Parallel()
	var keys []string
	base := baseFunc(func(req *http.Request) (*http.Response, error) {
		keys = append(keys, req.Header.Get(transport.KeyHeader))
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{}`))}, nil
	})
	careless := transport.NewLayerFunc("careless", transport.PerCall, func(req *http.Request, next transport.Next) (*http.Response, error) {
		nested, err := http.NewRequestWithContext(req.Context(), http.MethodPost, "http://localhost/token", strings.NewReader(`{}`))
		if err != nil {
			return nil, err
		}
		nested.Header.Set(transport.KeyHeader, "nested-01")
		if err := transport.SetKey(nested, nil); err != nil {
			return nil, err
		}
		if _, err := base(nested); err != nil {
			return nil, err
		}
		return next(req)
	})
	rt, err := transport.NewStack(careless).RoundTripper(base)
	if err != nil {
		t.Fatal(err)
	}
	client, err := transport.NewClient("http://localhost", rt)
	if err != nil {
		t.Fatal(err)
	}
	var meta transport.Meta
	_, err = client.Do(t.Context(), transport.Request{Method: http.MethodPost, Path: "/thing", Body: struct{}{}},
		transport.WithIdempotencyKey("mine-0001"), transport.WithMeta(&meta))
	if err != nil || meta.Key != "mine-0001" || !slices.Equal(keys, []string{"nested-01", "mine-0001"}) {
		t.Errorf("the call has the key %q, the requests had %q; %v", meta.Key, keys, err)
	}
}

func watchClose(req *http.Request) *bool {
	closed := new(bool)
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = closeWatcher{req.Body, closed}
	}
	return closed
}

type closeWatcher struct {
	io.ReadCloser
	closed *bool
}

func (c closeWatcher) Close() error {
	*c.closed = true
	return c.ReadCloser.Close()
}

func readBody(t *testing.T, req *http.Request) string {
	t.Helper()
	if req.Body == nil {
		return ""
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// Whatever object the key is spliced into, the result is the same object with
// one more member; anything else stays as it was.
func FuzzSetKey(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1}`, ` { "a" : {"idempotency_key":"x"} } `, `{"idempotency_key":"k"}`, `[]`, `{"a":"}"}`, `{"a":1,"a":2}`, `{`, `null`, "{\"\xff\":1}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if err := transport.SetKey(req, func() string { return generated }); err != nil {
			if !errors.Is(err, errs.ErrClient) {
				t.Errorf("%v is no ClientError", err)
			}
			return
		}
		got := []byte(readBody(t, req))
		var before, after map[string]jsontext.Value
		if json.Unmarshal(body, &before, rawjson.Lenient) != nil || before == nil {
			if !bytes.Equal(got, body) {
				t.Errorf("%q became %q", body, got)
			}
			return
		}
		if err := json.Unmarshal(got, &after, rawjson.Lenient); err != nil {
			t.Fatalf("%q became %q: %v", body, got, err)
		}
		var key string
		if err := json.Unmarshal(after["idempotency_key"], &key, rawjson.Lenient); err != nil || key != req.Header.Get(transport.KeyHeader) {
			t.Errorf("%q became %q with the key %q in the header", body, got, req.Header.Get(transport.KeyHeader))
		}
		delete(after, "idempotency_key")
		delete(before, "idempotency_key")
		if len(before) != len(after) {
			t.Errorf("%q became %q", body, got)
		}
		for name, value := range before {
			if !bytes.Equal(after[name], value) {
				t.Errorf("%q became %q", body, got)
			}
		}
	})
}
