package middleware_test

import (
	"errors"
	"io"
	"math"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestEnvelopeLimitsAResponse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		limit int64
		fits  bool
	}{
		{"above the limit", 100, false},
		{"within the limit", 1 << 20, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				client := s.client(func(s transport.Stack) transport.Stack { return s.Replace("envelope", middleware.Envelope(tt.limit)) })
				err := read(t.Context(), client)
				if tt.fits != (err == nil) || !tt.fits && (!errors.Is(err, errs.ErrTooLarge) || !errors.Is(err, errs.ErrContract)) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// The memory is counted for the whole process: not parallel.
func TestALargeResponseTakesLittleMemory(t *testing.T) {
	server := prefactortest.NewServer(t)
	server.Inject(prefactortest.On(reads).Oversized(200 << 20))
	cfg := middleware.NewConfig(server.URL, prefactortest.Token)
	base := middleware.NewBase(cfg)
	defer base.CloseIdleConnections()
	client := newClient(t, middleware.Default(cfg).Replace("envelope", middleware.Envelope(1<<20)), server.URL, base)

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := read(t.Context(), client)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, errs.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 16<<20 {
		t.Errorf("a response of 200 MB, limited to 1 MiB, allocated %d MiB, including the server's part", allocated>>20)
	}
}

func TestEnvelopeLetsOtherBodiesStream(t *testing.T) {
	t.Parallel()
	reader, writer := io.Pipe()
	rt := build(t, transport.NewStack(middleware.Classify(), middleware.Envelope(1<<20)), baseFunc(func(*http.Request) (*http.Response, error) {
		return answerWith(http.StatusOK, "text/event-stream", reader), nil
	}))
	resp, err := rt.RoundTrip(newRequest(t, t.Context())) // returns before anything is written
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	go func() {
		_, _ = io.WriteString(writer, "data: 1")
		_ = writer.Close()
	}()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "data: 1" {
		t.Errorf("got %q, %v", body, err)
	}
}

// Envelope's limit also holds if the response is read again.
func TestALargeLimitHoldsInsideAForeignLayer(t *testing.T) {
	t.Parallel()
	large := `{"status":"success","details":"` + strings.Repeat("x", transport.MaxAnswer) + `"}`
	base := baseFunc(func(*http.Request) (*http.Response, error) {
		return answerWith(http.StatusOK, "application/json", io.NopCloser(strings.NewReader(large))), nil
	})
	for _, limit := range []int64{64 << 20, math.MaxInt64} {
		stack := middleware.Default(middleware.NewConfig("https://api.example", "t")).Replace("envelope", middleware.Envelope(limit)).PerCall(foreign("foreign"))
		if err := read(t.Context(), newClient(t, stack, "https://api.example", base)); err != nil {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

// endless is a JSON text without an end that counts the bytes read.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.read += int64(len(p))
	return len(p), nil
}

func (e *endless) Close() error { return nil }

func TestASmallLimitHoldsOutsideACall(t *testing.T) {
	t.Parallel()
	body := &endless{}
	stack := middleware.Default(middleware.NewConfig("https://api.example", "t")).Replace("envelope", middleware.Envelope(1<<10))
	rt := build(t, stack, baseFunc(func(*http.Request) (*http.Response, error) {
		return answerWith(http.StatusOK, "application/json", body), nil
	}))
	resp, err := rt.RoundTrip(newRequest(t, t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body.read > 1<<12 {
		t.Errorf("%d bytes were read, with a limit of 1 KiB", body.read)
	}
}

func TestEnvelopeAndClassifyWorkAlone(t *testing.T) {
	t.Parallel()
	const refusal = `{"status":"error","code":"not_found","message":"No such span"}`
	for name, layer := range map[string]transport.Layer{"envelope": middleware.Envelope(1 << 20), "classify": middleware.Classify()} {
		rt := build(t, transport.NewStack(layer), baseFunc(func(*http.Request) (*http.Response, error) {
			return answerWith(http.StatusNotFound, "application/json", io.NopCloser(strings.NewReader(refusal))), nil
		}))
		req := newRequest(t, t.Context())
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if outcome := transport.Read(req, resp).Err(); !errors.Is(outcome, errs.ErrNotFound) {
			t.Errorf("%s: the outcome is %v", name, outcome)
		}
		if body, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusNotFound || err != nil || string(body) != refusal {
			t.Errorf("%s: the response became %d %q, %v", name, resp.StatusCode, body, err)
		}
	}
}

func TestEnvelopeRefusesALimitBelowOneByte(t *testing.T) {
	t.Parallel()
	if _, err := transport.NewStack(middleware.Envelope(0)).RoundTripper(http.DefaultTransport); !errors.Is(err, errs.ErrClient) {
		t.Errorf("got %v", err)
	}
}
