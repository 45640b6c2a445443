package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// logged is a logger that keeps its records as text, without times.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) logger(level slog.Level, unstable ...string) *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || slices.Contains(unstable, a.Key) {
			return slog.Attr{}
		}
		return a
	}}))
}

// lines returns the records.
func (l *logged) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.text.String(), "\n"), "\n")
}

func (l *logged) assert(t *testing.T, want ...string) {
	t.Helper()
	if got := l.lines(); !slices.Equal(got, want) {
		t.Errorf("records:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLogWritesOneRecordACallAtALevelByItsOutcome(t *testing.T) {
	t.Parallel()
	on := prefactortest.On(writes)
	const call = ` msg="prefactor call" operation=request method=POST route=/agent`
	tests := map[string]struct {
		faults []prefactortest.Fault
		layer  transport.LayerFunc
		want   string
	}{
		"a success": {
			want: `level=INFO` + call + ` outcome=ok duration=0s status=200 attempts=1 waits=0s key=k`,
		},
		"a success after a retry": {
			faults: []prefactortest.Fault{on.Reply(429).RetryAfter(60 * time.Second)},
			want:   `level=WARN` + call + ` outcome=ok duration=1m0s status=200 attempts=2 waits=1m0s key=k`,
		},
		"a conflict": {
			faults: []prefactortest.Fault{on.Reply(409).Body(`{"status":"error","code":"c","message":"m"}`)},
			want: `level=WARN` + call + ` outcome=conflict duration=0s status=409 attempts=1 waits=0s key=k` +
				` error="server answered 409 c: m; read the record's current state before going on"`,
		},
		"not authorized": {
			faults: []prefactortest.Fault{on.Reply(403).Body(`{"status":"error","code":"c","message":"m"}`)},
			want: `level=ERROR` + call + ` outcome=auth duration=0s status=403 attempts=1 waits=0s key=k` +
				` error="server answered 403 c: m; check that the token is valid and that its scope allows this operation (a token of deployment scope records runs; most else needs one of account scope)"`,
		},
		"no response in time": {
			faults: []prefactortest.Fault{on.Hang()},
			want: `level=WARN` + call + ` outcome=canceled duration=5m0s attempts=1 waits=0s key=k` +
				` error="the caller's deadline passed, allow more time"`,
		},
		"a refusal": {
			layer: func(req *http.Request, _ transport.Next) (*http.Response, error) {
				_ = req.Body.Close()
				return nil, &errs.RejectedError{Layer: "breaker", Cause: errors.New("open")}
			},
			want: `level=ERROR` + call + ` outcome=rejected duration=0s key=k error="not sent: layer \"breaker\" refused: open"`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				s.fake.Inject(tt.faults...)
				s.cfg.RequestTimeout = time.Hour
				var out logged
				client := s.retrying(func(stack transport.Stack) transport.Stack {
					stack = stack.PerCall(middleware.Log(out.logger(slog.LevelInfo)))
					if tt.layer != nil {
						stack = stack.PerCall(transport.NewLayerFunc("refusing", transport.Anywhere, tt.layer))
					}
					return stack
				})
				_, _ = client.Do(t.Context(), createAgent, transport.WithIdempotencyKey("k"), transport.WithTimeout(5*time.Minute))
				out.assert(t, tt.want)
			})
		})
	}
}

// createAgent is a call that writes.
var createAgent = transport.Request{Method: http.MethodPost, Path: "/agent", Body: map[string]any{"details": map[string]any{"name": "crawler", "description": "s3cret"}}}

func TestLogWritesTheEventsOfACallAtDebug(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.On(writes).Reply(503).RetryAfter(60 * time.Second).Body(`{"status":"error","code":"c"}`))
		source, _ := refreshing("expired", prefactortest.Token)
		var out logged
		client := s.retrying(func(stack transport.Stack) transport.Stack {
			return s.withSource(source)(stack).PerCall(middleware.Log(out.logger(slog.LevelDebug)))
		})
		if _, err := client.Do(t.Context(), createAgent, transport.WithIdempotencyKey("k")); err != nil {
			t.Error(err)
		}
		out.assert(t,
			`level=DEBUG msg="prefactor attempt ended" operation=request key=k duration=0s attempt=1 outcome=server status=503 reason=retried sends=1 reused=false error="server answered 503 c; try again later"`,
			`level=DEBUG msg="prefactor wait began" operation=request key=k layer=retry duration=1m0s`,
			`level=DEBUG msg="prefactor token refreshed" operation=request key=k layer=auth duration=0s`,
			`level=DEBUG msg="prefactor attempt ended" operation=request key=k duration=0s attempt=2 outcome=ok status=200 reason="" sends=2 reused=true`,
			`level=WARN msg="prefactor call" operation=request method=POST route=/agent outcome=ok duration=1m0s status=200 attempts=2 waits=1m0s key=k`,
		)
	})
}

func TestLogNamesARequestThatIsNotACallByItsPath(t *testing.T) {
	t.Parallel()
	var out logged
	rt := build(t, transport.NewStack(middleware.Log(out.logger(slog.LevelInfo, "duration"))), succeeding)
	resp, err := rt.RoundTrip(requestTo(t, http.MethodGet, "https://api.example/path?secret=1"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	out.assert(t, `level=INFO msg="prefactor call" method=GET path=/path outcome=ok status=200`)
}

func TestLogShowsTheHeadersOfLogHeaders(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.On(writes).Header("X-Request-Id", "r-1"))
		var out logged
		client := s.retrying(perCall(middleware.Log(out.logger(slog.LevelInfo), middleware.LogHeaders("x-team", "x-request-id", "x-absent"))))
		_, err := client.Do(t.Context(), createAgent, transport.WithIdempotencyKey("k"),
			transport.WithHeader("X-Team", "billing"), transport.WithHeader("X-Other", "hidden"))
		if err != nil {
			t.Error(err)
		}
		out.assert(t, `level=INFO msg="prefactor call" operation=request method=POST route=/agent request_header.X-Team=billing`+
			` outcome=ok duration=0s status=200 attempts=1 waits=0s key=k response_header.X-Request-Id=r-1`)
	})
}

func TestLogShowsBodiesOnlyWithLogBodiesAndAtDebug(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		level   slog.Level
		options []middleware.LogOption
		want    bool
	}{
		"not asked for":         {slog.LevelDebug, nil, false},
		"asked for, at info":    {slog.LevelInfo, []middleware.LogOption{middleware.LogBodies(1000)}, false},
		"asked for, at debug":   {slog.LevelDebug, []middleware.LogOption{middleware.LogBodies(1000)}, true},
		"asked for with a 0":    {slog.LevelDebug, []middleware.LogOption{middleware.LogBodies(0)}, false},
		"asked for, but hidden": {slog.LevelDebug, []middleware.LogOption{middleware.LogBodies(1000, "Details")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				var out logged
				client := s.retrying(perCall(middleware.Log(out.logger(tt.level), tt.options...)))
				result, err := client.Do(t.Context(), createAgent)
				if err != nil || !strings.Contains(string(result.Document), "s3cret") {
					t.Errorf("%v %v: the response must stay unchanged", result, err)
				}
				text := strings.Join(out.lines(), "\n")
				if n := strings.Count(text, "s3cret"); n != 0 != tt.want || tt.want && n != 2 {
					t.Errorf("the bodies show %d times in\n%s", n, text)
				}
			})
		})
	}
}

func TestLoggedBodiesAreRedactedAndCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 4000)
	tests := map[string]struct {
		limit int
		body  string
		want  string
	}{
		"members that hold secrets": {1000,
			`{"token":"a","details":{"API_KEY":{"x":1},"clientSecret":["b"],"mine":"c","name":"d","n":12345678901234567890}}`,
			`{"token":"[redacted]","details":{"API_KEY":"[redacted]","clientSecret":"[redacted]","mine":"[redacted]","name":"d","n":12345678901234567890}}`},
		"other spellings":                {1000, `{"apiKey":"s3cret","x-api-key":"s3cret","accessKey":"s3cret","Private_Key":"s3cret"}`, `{"apiKey":"[redacted]","x-api-key":"[redacted]","accessKey":"[redacted]","Private_Key":"[redacted]"}`},
		"a long number":                  {10, `[1234567890123456789]`, `["123456789…","…"]`},
		"counts of tokens":               {1000, `{"max_tokens":5,"token":true}`, `{"max_tokens":5,"token":true}`},
		"the same name as a value":       {1000, `["token","secret"]`, `["token","secret"]`},
		"a duplicate name":               {1000, `{"token":"a","token":["b"]}`, `{"token":"[redacted]","token":"[redacted]"}`},
		"a long text":                    {20, `{"name":"` + long + `","more":1}`, `{"name":"ääääää…","…":"…"}`},
		"a long list":                    {10, `[1,2,3,4,5,6,7,8,9,10,11,12]`, `[1,2,3,4,5,"…"]`},
		"deep inside":                    {10, `{"a":{"b":{"c":{"d":{"e":1}}}}}`, `{"a":{"b":{"…":"…"}}}`},
		"a scalar":                       {100, `17`, `17`},
		"not JSON":                       {100, `<html>s3cret</html>`, `[not a JSON document]`},
		"JSON that breaks off":           {100, `{"name":"s3cret"`, `[not a JSON document]`},
		"a secret that doesn't fit":      {5, `{"token":"s3cret"}`, `{"toke…":"[redacted]","…":"…"}`},
		"a redacted value of great size": {30, `{"token":"` + long + `","n":1}`, `{"token":"[redacted]","n":1}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out logged
			layer := middleware.Log(out.logger(slog.LevelDebug, "duration"), middleware.LogBodies(tt.limit, "mine"))
			rt := build(t, transport.NewStack(layer, middleware.Envelope(transport.MaxAnswer)), succeeding)
			req, err := http.NewRequest(http.MethodPost, "https://api.example", strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			want := slog.String("request_body", tt.want)
			var expected logged
			expected.logger(slog.LevelDebug).Info("x", want)
			_, attr, _ := strings.Cut(strings.Join(expected.lines(), ""), "msg=x ")
			if got := strings.Join(out.lines(), "\n"); !strings.Contains(got, attr) {
				t.Errorf("%s\nwant %s", got, attr)
			}
		})
	}
}

func TestLogBuildsNothingIfItsLevelIsOff(t *testing.T) {
	off := slog.New(levelOnly(slog.LevelError + 1))
	if n := layerAllocations(t, perCall(middleware.Log(off, middleware.LogHeaders("Accept"), middleware.LogBodies(100)))); n > 0 {
		t.Errorf("it costs %v allocations, want none", n)
	}
	errorsOnly := slog.New(levelOnly(slog.LevelError))
	if n := layerAllocations(t, perCall(middleware.Log(errorsOnly))); n > 0 {
		t.Errorf("with a logger for errors it costs %v allocations, want none", n)
	}
	on := slog.New(levelOnly(slog.LevelInfo))
	if n := layerAllocations(t, perCall(middleware.Log(on))); n > 5 {
		t.Errorf("with a logger for all calls it costs %v allocations, want 5 at most", n)
	}
}

// levelOnly is a handler with a level that drops its records.
type levelOnly slog.Level

func (l levelOnly) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.Level(l) }
func (levelOnly) Handle(context.Context, slog.Record) error          { return nil }
func (l levelOnly) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l levelOnly) WithGroup(string) slog.Handler                    { return l }

func TestLogRefusesInvalidSettings(t *testing.T) {
	t.Parallel()
	logger := slog.New(slog.DiscardHandler)
	for name, layer := range map[string]transport.Layer{
		"no logger":             middleware.Log(nil),
		"a header with a token": middleware.Log(logger, middleware.LogHeaders("authorization")),
		"a header with cookies": middleware.Log(logger, middleware.LogHeaders("X-Fine", "set-cookie")),
		"a negative bound":      middleware.Log(logger, middleware.LogBodies(-1)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := transport.NewStack(layer).RoundTripper(http.DefaultTransport); !errors.Is(err, errs.ErrClient) {
				t.Errorf("%v, want a ClientError", err)
			}
		})
	}
}

func TestLogIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.Storm(0.3)...)
		var out logged
		client := s.retrying(perCall(middleware.Log(out.logger(slog.LevelDebug), middleware.LogBodies(200))))
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() { _ = write(t.Context(), client) })
		}
		all.Wait()
		if n := strings.Count(strings.Join(out.lines(), "\n"), `msg="prefactor call"`); n != 32 {
			t.Errorf("%d records of calls, want 32", n)
		}
	})
}
