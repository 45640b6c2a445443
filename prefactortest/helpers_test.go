package prefactortest_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// client sends plain HTTP requests to one face of a fake.
type client struct {
	t     testing.TB
	rt    http.RoundTripper
	url   string
	token string
}

// direct returns a client of the face without connections.
func direct(t testing.TB, f *prefactortest.Fake) client {
	return client{t: t, rt: f.RoundTripper(), url: "http://fake.test", token: prefactortest.Token}
}

func piped(t testing.TB, p *prefactortest.Pipe) client {
	return client{t: t, rt: p.Transport(), url: p.URL, token: prefactortest.Token}
}

func over(t testing.TB, s *prefactortest.Server) client {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return client{t: t, rt: tr, url: s.URL, token: prefactortest.Token}
}

func (c client) as(token string) client {
	c.token = token
	return c
}

// answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	body   []byte
	doc    map[string]any
}

func (c client) request(method, path, body string) *http.Request {
	c.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, c.url+"/api/v1"+path, r)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

// send returns the response, or the error of the round trip or the body.
func (c client) send(req *http.Request) (answer, error) {
	resp, err := c.rt.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	a := answer{status: resp.StatusCode, header: resp.Header, body: body}
	if json.Unmarshal(body, &a.doc) != nil {
		a.doc = nil
	}
	return a, err
}

// do sends a request. It fails the test if there is no whole response.
func (c client) do(method, path, body string) answer {
	c.t.Helper()
	a, err := c.send(c.request(method, path, body))
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (c client) get(path string) answer { c.t.Helper(); return c.do("GET", path, "") }

func (c client) post(path, body string) answer { c.t.Helper(); return c.do("POST", path, body) }

// must returns the details. It fails the test if the status isn't 200.
func (a answer) must(t testing.TB) map[string]any {
	t.Helper()
	if a.status != 200 {
		t.Fatalf("status %d, body %s", a.status, a.body)
	}
	details, _ := a.doc["details"].(map[string]any)
	return details
}

// refused fails the test if the response isn't this error.
func (a answer) refused(t testing.TB, status int, code string) {
	t.Helper()
	if a.status != status || a.doc["code"] != code || a.doc["status"] != "error" {
		t.Errorf("got status %d, body %s; want %d with the code %s", a.status, a.body, status, code)
	}
}

// invalid fails the test if the response isn't a 422 with this code at the
// path, such as details.payload.
func (a answer) invalid(t testing.TB, path, code string) {
	t.Helper()
	a.refused(t, 422, "validation_errors")
	if got := at(a.doc["errors"], path+".code"); got != code {
		t.Errorf("errors hold %v at %s, want %s; body %s", got, path, code, a.body)
	}
}

// at returns the value at a path of a decoded document.
func at(doc any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		m, ok := doc.(map[string]any)
		if !ok {
			return nil
		}
		doc = m[name]
	}
	return doc
}

// register registers an instance and returns its id.
func (c client) register() string {
	c.t.Helper()
	return c.post("/agent_instance/register", `{}`).must(c.t)["id"].(string)
}

// started makes an active instance and returns its id.
func (c client) started() string {
	c.t.Helper()
	id := c.register()
	c.post("/agent_instance/"+id+"/start", `{}`).must(c.t)
	return id
}

// span creates a span with the status and returns its id.
func (c client) span(instance, status string) string {
	c.t.Helper()
	return c.post("/agent_spans", spanBody(instance, status, "")).must(c.t)["id"].(string)
}

// spanBody returns the body of a span creation; more is appended to details.
func spanBody(instance, status, more string) string {
	if more != "" {
		more = "," + more
	}
	return fmt.Sprintf(`{"details":{"agent_instance_id":%q,"schema_name":"app:llm","status":%q,"payload":{}%s}}`,
		instance, status, more)
}

func withKey(body, key string) string {
	return fmt.Sprintf(`{"idempotency_key":%q,%s`, key, strings.TrimPrefix(body, "{"))
}

// fixed is a stopped clock.
func fixed() time.Time { return time.Date(2026, 5, 6, 7, 8, 9, 123456000, time.UTC) }

// recorder is a test that records its failures.
type recorder struct {
	testing.TB
	errors   []string
	cleanups []func()
}

func (r *recorder) Helper()                   {}
func (r *recorder) Cleanup(f func())          { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(f string, a ...any) { r.errors = append(r.errors, fmt.Sprintf(f, a...)) }

func (r *recorder) end() {
	for _, f := range r.cleanups {
		f()
	}
}

// eachFace runs a test on each face of a fake.
func eachFace(t *testing.T, test func(t *testing.T, f *prefactortest.Fake, c client), opts ...prefactortest.Option) {
	t.Run("round tripper", func(t *testing.T) {
		t.Parallel()
		f := prefactortest.New(append(opts, prefactortest.WithT(t))...)
		test(t, f, direct(t, f))
	})
	t.Run("pipe", func(t *testing.T) {
		t.Parallel()
		f := prefactortest.New(append(opts, prefactortest.WithT(t))...)
		p := f.Pipe()
		t.Cleanup(func() { p.Close() })
		test(t, f, piped(t, p))
	})
	t.Run("TCP", func(t *testing.T) {
		t.Parallel()
		s := prefactortest.NewServer(t, opts...)
		test(t, s.Fake, over(t, s))
	})
	t.Run("httpmock", func(t *testing.T) {
		t.Parallel()
		f := prefactortest.New(append(opts, prefactortest.WithT(t))...)
		test(t, f, client{t: t, rt: f.HTTPMock(), url: "http://fake.test", token: prefactortest.Token})
	})
}

func wantJSON(t testing.TB, got []byte, want string) {
	t.Helper()
	if !bytes.Equal(got, []byte(want)) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// expand replaces variables such as $instance.
func expand(text string, vars map[string]string) string {
	return os.Expand(text, func(name string) string { return vars["$"+name] })
}
