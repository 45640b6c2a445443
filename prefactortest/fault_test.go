package prefactortest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

const registration = `{"idempotency_key":"k"}`

// If a fault has its own response, the operation doesn't run.
func TestFaultResponses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		fault       prefactortest.Fault
		status      int
		contentType string
		body        string
	}{
		{"503", prefactortest.On("*").Reply(503), 503, "application/json",
			`{"status":"error","code":"service_unavailable","message":"Service Unavailable"}`},
		{"401", prefactortest.On("*").Reply(401), 401, "application/json",
			`{"status":"error","code":"bad_authtoken","message":"Unauthorized"}`},
		{"409", prefactortest.On("*").Reply(409), 409, "application/json",
			`{"status":"error","code":"invalid_action","message":"Conflict"}`},
		{"422", prefactortest.On("*").Reply(422), 422, "application/json",
			`{"status":"error","code":"validation_errors","message":"Unprocessable Entity"}`},
		{"200", prefactortest.On("*").Reply(200), 200, "application/json", `{"status":"success"}`},
		{"204", prefactortest.On("*").Reply(204), 204, "application/json", ``},
		{"a body", prefactortest.On("*").Reply(500).Body("oops"), 500, "application/json", `oops`},
		{"an empty body", prefactortest.On("*").Reply(200).Body(""), 200, "application/json", ``},
		{"retry_after_ms", prefactortest.On("*").Reply(429).RetryAfterMS(250 * time.Millisecond), 429, "application/json",
			`{"code":"too_many_requests","message":"Too Many Requests","retry_after_ms":250,"status":"error"}`},
		{"a page", prefactortest.On("*").HTML(502), 502, "text/html; charset=utf-8",
			"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n"},
		{"retry_after_ms without JSON", prefactortest.On("*").Reply(429).Body("slow down").RetryAfterMS(time.Second), 429, "application/json", `slow down`},
		{"malformed JSON", prefactortest.On("*").Malformed(200), 200, "application/json", `{"status":"success","details":{"id":}}`},
		{"a wrong envelope", prefactortest.On("*").WrongEnvelope(200), 200, "application/json", `{"ok":true,"data":{}}`},
		{"a redirect", prefactortest.On("*").Redirect(307, "http://elsewhere.test/"), 307, "text/html; charset=utf-8", ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			eachFace(t, func(t *testing.T, f *prefactortest.Fake, c client) {
				f.Inject(tt.fault.Header("X-Fault", "yes"))
				a := c.post("/agent_instance/register", registration)
				if a.status != tt.status || string(a.body) != tt.body {
					t.Errorf("got %d %q, want %d %q", a.status, a.body, tt.status, tt.body)
				}
				if a.header.Get("X-Fault") != "yes" || a.header.Get("Content-Type") != tt.contentType {
					t.Errorf("the header is %v", a.header)
				}
				if len(f.Instances()) != 0 {
					t.Error("the operation ran")
				}
				x := f.Journal()[0]
				if x.Status != tt.status || x.Committed || x.Fault == "" || string(x.Answer) != tt.body {
					t.Errorf("the journal has %+v", x)
				}
				c.post("/agent_instance/register", registration).must(t)
			})
		})
	}
}

func TestRedirectHasLocation(t *testing.T) {
	t.Parallel()
	eachFace(t, func(t *testing.T, f *prefactortest.Fake, c client) {
		f.Inject(prefactortest.On("ping").Redirect(302, "https://elsewhere.test/ping"))
		if got := c.get("/ping").header.Get("Location"); got != "https://elsewhere.test/ping" {
			t.Errorf("Location is %q", got)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return time.Date(2026, 5, 6, 7, 8, 9, 1, time.UTC) }
	tests := []struct {
		name  string
		fault prefactortest.Fault
		want  string
	}{
		{"seconds", prefactortest.On("*").Reply(429).RetryAfter(3 * time.Second), "3"},
		{"rounded up to a second", prefactortest.On("*").Reply(429).RetryAfter(1001 * time.Millisecond), "2"},
		{"before the status", prefactortest.On("*").RetryAfter(3 * time.Second).Reply(503), "3"},
		{"a date", prefactortest.On("*").Reply(429).RetryAfterDate(2 * time.Second), "Wed, 06 May 2026 07:08:12 GMT"},
		{"on the server's response", prefactortest.On("*").RetryAfterDate(time.Hour), "Wed, 06 May 2026 08:08:10 GMT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := prefactortest.New(prefactortest.WithClock(now))
			f.Inject(tt.fault)
			if got := direct(t, f).get("/ping").header.Get("Retry-After"); got != tt.want {
				t.Errorf("Retry-After is %q, want %q", got, tt.want)
			}
		})
	}
}

// runs says whether the operation runs before the connection breaks.
func TestFaultsThatLoseTheResponse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		fault  prefactortest.Fault
		err    error
		status int // in the journal
		runs   bool
	}{
		{"reset before", prefactortest.On("*").ResetBefore(), errReset, 0, false},
		{"reset after", prefactortest.On("*").ResetAfter(), errReset, 0, true},
		{"reset after a delay", prefactortest.On("*").ResetBefore().Delay(time.Millisecond), errReset, 0, false},
		{"close before", prefactortest.On("*").CloseBefore(), io.EOF, 0, false},
		{"close after", prefactortest.On("*").CloseAfter(), io.EOF, 0, true},
		{"close after a delay", prefactortest.On("*").CloseAfter().Delay(time.Millisecond), io.EOF, 0, true},
		{"cut response", prefactortest.On("*").CutBody(10), io.ErrUnexpectedEOF, 200, true},
		{"cut at once", prefactortest.On("*").CutBody(0), io.ErrUnexpectedEOF, 200, true},
		{"cut beyond the end", prefactortest.On("*").CutBody(1 << 20), io.ErrUnexpectedEOF, 200, true},
		{"cut error", prefactortest.On("*").Reply(503).CutBody(10), io.ErrUnexpectedEOF, 503, false},
		{"cut error after a commit", prefactortest.On("*").Commit().Reply(503).CutBody(10), io.ErrUnexpectedEOF, 503, true},
		{"cut, oversized", prefactortest.On("*").Oversized(1 << 20).CutBody(1 << 19), io.ErrUnexpectedEOF, 200, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			eachFace(t, func(t *testing.T, f *prefactortest.Fake, c client) {
				f.Inject(tt.fault)
				a, err := c.send(c.request("POST", "/agent_instance/register", registration))
				if !errors.Is(err, tt.err) {
					t.Errorf("got the error %v and the body %s, want %v", err, a.body, tt.err)
				}
				x := f.Journal()[0]
				if x.Status != tt.status || x.Committed != tt.runs || len(f.Instances()) != map[bool]int{true: 1}[tt.runs] {
					t.Errorf("the journal has %v, committed %v", x, x.Committed)
				}
				c.post("/agent_instance/register", registration).must(t)
				if replay := f.Journal()[1].Replay; replay != tt.runs || len(f.Instances()) != 1 {
					t.Errorf("the second attempt has Replay %v", replay)
				}
			})
		})
	}
}

func TestCutBodyCutsAfterNBytes(t *testing.T) {
	t.Parallel()
	eachFace(t, func(t *testing.T, f *prefactortest.Fake, c client) {
		f.Inject(prefactortest.On("ping").CutBody(7))
		a, _ := c.send(c.request("GET", "/ping", ""))
		if string(a.body) != `{"statu` {
			t.Errorf("%q arrived", a.body)
		}
		if got, want := a.header.Get("Content-Length"), fmt.Sprint(len(f.Journal()[0].Answer)); got != want {
			t.Errorf("Content-Length is %s, want that of the whole body, %s", got, want)
		}
	})
}

func TestCommit(t *testing.T) {
	t.Parallel()
	eachFace(t, func(t *testing.T, f *prefactortest.Fake, c client) {
		f.Inject(prefactortest.On("agent_instances.register").Commit().Reply(503))
		c.post("/agent_instance/register", registration).refused(t, 503, "service_unavailable")
		if x := f.Journal()[0]; !x.Committed || len(f.Instances()) != 1 {
			t.Errorf("want a commit, got %+v", x)
		}
	})
}

func TestOversized(t *testing.T) {
	t.Parallel()
	const size = 200 << 20
	f := prefactortest.New()
	f.Inject(prefactortest.On("ping").Oversized(size))
	resp, err := f.RoundTripper().RoundTrip(direct(t, f).request("GET", "/ping", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil || resp.ContentLength != -1 {
		t.Errorf("read %d bytes of %d, declared %d: %v", n, size, resp.ContentLength, err)
	}
}

func TestOversizedIsWellFormed(t *testing.T) {
	t.Parallel()
	eachFace(t, func(t *testing.T, f *prefactortest.Fake, c client) {
		f.Inject(prefactortest.On("ping").Oversized(100_000))
		a := c.get("/ping")
		if len(a.body) != 100_000 || at(a.doc, "status") != "success" {
			t.Errorf("%d bytes, %v", len(a.body), a.doc["status"])
		}
	})
}

func TestDelayAndStall(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		fault       prefactortest.Fault
		opts        []prefactortest.Option
		header, end time.Duration
	}{
		{name: "delay", fault: prefactortest.On("ping").Delay(time.Hour), header: time.Hour, end: time.Hour},
		{name: "stall", fault: prefactortest.On("ping").Stall(time.Hour), end: time.Hour},
		{name: "both", fault: prefactortest.On("ping").Reply(503).Delay(time.Hour).Stall(time.Minute), header: time.Hour, end: time.Hour + time.Minute},
		{name: "latency", fault: prefactortest.On("ping").Delay(time.Hour),
			opts: []prefactortest.Option{prefactortest.WithLatency(time.Second)}, header: time.Hour + time.Second, end: time.Hour + time.Second},
	}
	for _, tt := range tests {
		for _, face := range []string{"round tripper", "pipe"} {
			t.Run(tt.name+" over "+face, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := prefactortest.New(append(tt.opts, prefactortest.WithT(t))...)
					c := direct(t, f)
					if face == "pipe" {
						p := f.Pipe()
						defer p.Close()
						c = piped(t, p)
					}
					f.Inject(tt.fault)
					start := time.Now()
					resp, err := c.rt.RoundTrip(c.request("GET", "/ping", ""))
					if err != nil {
						t.Fatal(err)
					}
					header := time.Since(start)
					if _, err := io.ReadAll(resp.Body); err != nil {
						t.Error(err)
					}
					resp.Body.Close()
					if end := time.Since(start); header != tt.header || end != tt.end {
						t.Errorf("the header came after %v, the end after %v; want %v and %v", header, end, tt.header, tt.end)
					}
				})
			})
		}
	}
}

func TestHang(t *testing.T) {
	t.Parallel()
	eachFace(t, func(t *testing.T, f *prefactortest.Fake, c client) {
		f.Inject(prefactortest.On("agent_instances.register").Hang())
		c.givesUp(f)
		if x := f.Journal()[0]; x.Status != 0 || x.Committed {
			t.Errorf("the journal has %v", x)
		}
	})
}

func TestHangAfterACommit(t *testing.T) {
	t.Parallel()
	eachFace(t, func(t *testing.T, f *prefactortest.Fake, c client) {
		f.Inject(prefactortest.On("agent_instances.register").Commit().Hang())
		c.givesUp(f)
		if x := f.Journal()[0]; x.Status != 0 || !x.Committed {
			t.Errorf("the journal has %v", x)
		}
	})
}

func TestWhichRequestsAFaultStrikes(t *testing.T) {
	t.Parallel()
	first := func(x prefactortest.Exchange) bool { return x.Attempt == 1 }
	on := prefactortest.On
	tests := []struct {
		name   string
		faults []prefactortest.Fault
		want   []int // of ping, register, ping, register with one key, register with another
	}{
		{"the next request", []prefactortest.Fault{on("*").Reply(500)}, []int{500, 200, 200, 200, 200}},
		{"an operation", []prefactortest.Fault{on("ping").Reply(500)}, []int{500, 200, 200, 200, 200}},
		{"a family of operations", []prefactortest.Fault{on("agent_instances.*").Reply(500)}, []int{200, 500, 200, 200, 200}},
		{"a path", []prefactortest.Fault{on("/api/v1/agent_instance/*").Reply(500)}, []int{200, 500, 200, 200, 200}},
		{"n times", []prefactortest.Fault{on("*").Times(3).Reply(500)}, []int{500, 500, 500, 200, 200}},
		{"the n-th", []prefactortest.Fault{on("agent_instances.register").Nth(2).Reply(500)}, []int{200, 200, 200, 500, 200}},
		{"from the n-th on", []prefactortest.Fault{on("*").Nth(3).Times(2).Reply(500)}, []int{200, 200, 500, 500, 200}},
		{"always", []prefactortest.Fault{on("ping").Always().Reply(500)}, []int{500, 200, 500, 200, 200}},
		{"a predicate", []prefactortest.Fault{on("*").When(first).Times(2).Reply(500)}, []int{200, 500, 200, 200, 500}},
		{"in sequence", []prefactortest.Fault{on("*").Reply(500), on("*").Reply(502), on("*").Reply(503)}, []int{500, 502, 503, 200, 200}},
		{"each at its count", []prefactortest.Fault{on("*").Nth(2).Reply(500), on("*").Nth(2).Reply(502)}, []int{200, 500, 502, 200, 200}},
		{"certainty", []prefactortest.Fault{on("*").Chance(1).Reply(500)}, []int{500, 500, 500, 500, 500}},
		{"impossibility", []prefactortest.Fault{on("*").Chance(0).Reply(500)}, []int{200, 200, 200, 200, 200}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := prefactortest.New(prefactortest.WithT(t))
			c := direct(t, f)
			f.Inject(tt.faults...)
			const path = "/agent_instance/register"
			got := []int{
				c.get("/ping").status,
				c.post(path, `{"idempotency_key":"one"}`).status,
				c.get("/ping").status,
				c.post(path, `{"idempotency_key":"one"}`).status,
				c.post(path, `{"idempotency_key":"two"}`).status,
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestChanceIsSeeded(t *testing.T) {
	t.Parallel()
	statuses := func(seed uint64) string {
		f := prefactortest.New(prefactortest.WithSeed(seed))
		f.Inject(prefactortest.On("*").Chance(0.5).Reply(500))
		c := direct(t, f)
		var b strings.Builder
		for range 64 {
			fmt.Fprintln(&b, c.get("/ping").status)
		}
		return b.String()
	}
	seven := statuses(7)
	if again := statuses(7); again != seven {
		t.Error("the same seed struck other requests")
	}
	if statuses(8) == seven {
		t.Error("another seed struck the same requests")
	}
}

// A fault doesn't change when another is made from it.
func TestFaultsAreValues(t *testing.T) {
	t.Parallel()
	base := prefactortest.On("ping").Reply(503).Header("X-Base", "1")
	one, two := base.RetryAfter(time.Second), base.Header("X-Two", "2")
	f := prefactortest.New()
	f.Inject(one, two, base)
	c := direct(t, f)
	for _, want := range []string{"1 ", " 2", " "} {
		h := c.get("/ping").header
		if got := h.Get("Retry-After") + " " + h.Get("X-Two"); got != want || h.Get("X-Base") != "1" {
			t.Errorf("Retry-After and X-Two are %q, want %q", got, want)
		}
	}
	three := base.Delay(1).Stall(1)
	four, five := three.Times(4), three.Times(5)
	if got := four.String() + " and " + five.String(); got !=
		"ping: reply 503, delay 1ns, stall 1ns, 4 times and ping: reply 503, delay 1ns, stall 1ns, 5 times" {
		t.Errorf("String is %q", got)
	}
}

// givesUp sends a registration and cancels it when the fake has received it.
func (c client) givesUp(f *prefactortest.Fake) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error)
	go func() {
		_, err := c.send(c.request("POST", "/agent_instance/register", registration).WithContext(ctx))
		done <- err
	}()
	arrived := func() bool { return len(f.Journal()) > 0 }
	if err := f.Wait(c.t.Context(), arrived); err != nil {
		c.t.Error(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		c.t.Errorf("the request ended with %v", err)
	}
}
