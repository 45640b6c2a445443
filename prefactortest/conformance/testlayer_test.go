package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

// brokenLayers break one rule each.
var brokenLayers = []struct {
	name  string
	rule  string
	layer transport.Layer
}{
	{"changes its caller's request", "the caller's request is never changed",
		tripping(func(req *http.Request, next transport.Next) (*http.Response, error) {
			req.Header.Set("X-Layer", "was here")
			return next(req)
		})},
	{"changes a request that it passed on", "a request isn't changed after it was passed on",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			req.Header.Set("X-Layer", "was here")
			return resp, err
		})},
	{"refuses without closing the body", "every request body is closed",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			if req.URL.Host != "localhost" {
				return nil, errors.New("not on the list of hosts")
			}
			return next(req)
		})},
	{"repeats without closing the first response", "every response body that isn't returned is closed",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil || resp.StatusCode != 503 || req.GetBody == nil {
				return resp, err
			}
			return again(req, next)
		})},
	{"repeats with the body that was read", "a body is resent only through GetBody",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil || resp.StatusCode != 503 {
				return resp, err
			}
			resp.Body.Close()
			return next(req.Clone(req.Context()))
		})},
	{"wraps the body and not GetBody", "Body, GetBody and ContentLength agree",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			if req.ContentLength > 0 {
				req.Body = struct {
					io.Reader
					io.Closer
				}{io.MultiReader(req.Body, strings.NewReader("\n")), req.Body}
				req.ContentLength++
			}
			return next(req)
		})},
	{"replaces the key", "the caller's idempotency key is kept",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			req.Header.Set(transport.KeyHeader, "the-key-of-a-layer")
			return next(req)
		})},
	{"returns a response and an error", "either a response or an error is returned, never both",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && resp.StatusCode == 500 {
				err = errors.New("server error")
			}
			return resp, err
		})},
	{"returns nothing", "either a response or an error is returned, never both",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && resp.StatusCode == 404 {
				resp.Body.Close()
				return nil, nil
			}
			return resp, err
		})},
	{"turns a status into an error", "an error status is returned as a response",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && resp.StatusCode >= 500 {
				resp.Body.Close()
				return nil, errors.New(resp.Status)
			}
			return resp, err
		})},
	{"cuts large responses", "the response is passed on unchanged: status, header and body",
		reading(func(body io.Reader) io.Reader { return io.LimitReader(body, 100<<10) })},
	{"drops a header field of the response", "the response is passed on unchanged: status, header and body",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && resp.StatusCode == 200 {
				resp.Header.Del("X-Probe")
			}
			return resp, err
		})},
	{"hides that a body broke off", "a body that breaks off ends in an error",
		reading(func(body io.Reader) io.Reader { return &forgiving{body} })},
	{"reads whole responses", "a stream is passed on as it arrives",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil || resp.StatusCode != 200 {
				return resp, err
			}
			whole, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				return nil, err
			}
			resp.Body = io.NopCloser(bytes.NewReader(whole))
			return resp, nil
		})},
	{"wraps the body of a 101", "the body of a 101 can be written to",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil {
				resp.Body = struct{ io.ReadCloser }{resp.Body}
			}
			return resp, err
		})},
	{"ignores the context", "a request ends at once when its context ends",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			return next(req.WithContext(context.WithoutCancel(req.Context())))
		})},
	{"sleeps between attempts", "a request ends at once when its context ends",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil || resp.StatusCode != 503 || req.GetBody == nil {
				return resp, err
			}
			resp.Body.Close()
			time.Sleep(time.Second)
			return again(req, next)
		})},
	{"hides that the context ended", "a request ends at once when its context ends",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil && req.Context().Err() != nil {
				return nil, errors.New("given up")
			}
			return resp, err
		})},
	{"leaves a goroutine that sleeps", "no goroutine outlives its request",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			go time.Sleep(time.Hour)
			return next(req)
		})},
	{"leaves a goroutine forever", "no goroutine outlives its request",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			ended := make(chan bool)
			go func() { ended <- true }()
			return next(req)
		})},
	{"hides the inner error", "the layer's error wraps the inner round tripper's",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil && req.Context().Err() == nil {
				err = fmt.Errorf("not sent: %v", err)
			}
			return resp, err
		})},
	{"shows the header in its errors", "an error shows no secret of its request",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil {
				err = fmt.Errorf("sending %v: %w", req.Header, err)
			}
			return resp, err
		})},
	{"shows the query in its errors", "an error shows no secret of its request",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil {
				err = fmt.Errorf("sending to %s: %w", req.URL, err)
			}
			return resp, err
		})},
	{"recovers from panics", "a panic passes through, and the layer frees what it holds",
		owning(func(req *http.Request, next transport.Next) (resp *http.Response, err error) {
			defer func() {
				if problem := recover(); problem != nil {
					err = fmt.Errorf("recovered: %v", problem)
				}
			}()
			return next(req)
		})},
	{"keeps its permit in a panic", "a panic passes through, and the layer frees what it holds", leaking(100)},
	{"doesn't pass CloseIdleConnections on", "CloseIdleConnections is passed on, and called by the owner only",
		transport.NewLayer("broken", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper { return deaf{unwrapping{next}} })},
	{"calls CloseIdleConnections", "CloseIdleConnections is passed on, and called by the owner only",
		transport.NewLayer("broken", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper { return impatient{unwrapping{next}} })},
	{"doesn't unwrap", "transport.As finds the base",
		transport.NewLayer("broken", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper { return astray{closing{next}} })},
	{"mixes responses up", "concurrent requests don't mix", mixing()},
}

func TestTestLayerNamesTheBrokenRule(t *testing.T) {
	if !isChild(t) {
		t.Parallel()
		failed := failures(t)
		for _, tt := range brokenLayers {
			if got, want := failed[tt.name], fmt.Sprintf("layer %q breaks the rule %q: ", tt.layer.Name(), tt.rule); len(got) != 1 || !strings.HasPrefix(got[0], want) {
				t.Errorf("a layer that %s fails with\n\t%s\nwant one line that begins with\n\t%s", tt.name, strings.Join(got, "\n\t"), want)
			}
		}
		return
	}
	for _, tt := range brokenLayers {
		t.Run(tt.name, func(t *testing.T) { conformance.TestLayer(t, tt.layer) })
	}
}

func TestTestLayerRefusesALayerWithoutAName(t *testing.T) {
	if !isChild(t) {
		t.Parallel()
		if got := failures(t)["unnamed"]; len(got) != 1 || !strings.Contains(got[0], "has no name") {
			t.Errorf("got %q", got)
		}
		return
	}
	t.Run("unnamed", func(t *testing.T) {
		conformance.TestLayer(t, transport.NewLayer("", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper { return next }))
	})
}

func TestTestLayerAcceptsCorrectLayers(t *testing.T) {
	t.Parallel()
	for name, layer := range map[string]transport.Layer{
		"audits": audit(io.Discard),
		"passes on": owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			return next(req)
		}),
		"refuses everything": owning(func(req *http.Request, _ transport.Next) (*http.Response, error) {
			if req.Body != nil {
				req.Body.Close()
			}
			return nil, errors.New("closed for today")
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conformance.TestLayer(t, layer)
		})
	}
}

// childOf is the environment variable that names, in a child process, the test
// to run.
const childOf = "CONFORMANCE_CHILD_OF"

func isChild(t *testing.T) bool { return os.Getenv(childOf) == t.Name() }

var (
	failedLine  = regexp.MustCompile(`^ +--- (?:FAIL|PASS): [^/]+/(.+) \([0-9.]+s\)$`)
	messageLine = regexp.MustCompile(`^ +[a-z_]+\.go:[0-9]+: (.+)$`)
)

// childOutput runs the test again in a child process, in which it must fail, and
// returns the output.
func childOutput(t *testing.T) string {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=5m", "-test.short")
	child.Env = append(os.Environ(), childOf+"="+t.Name())
	output, err := child.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || bytes.Contains(output, []byte("DATA RACE")) {
		t.Fatalf("the process ended with %v, want a failed test without a race:\n%s", err, output)
	}
	return string(output)
}

// failures returns the failure texts in childOutput by subtest.
func failures(t *testing.T) map[string][]string {
	t.Helper()
	texts := make(map[string][]string)
	var name string
	for line := range strings.Lines(childOutput(t)) {
		line = strings.TrimRight(line, "\n")
		if m := failedLine.FindStringSubmatch(line); m != nil {
			name = strings.ReplaceAll(m[1], "_", " ")
		} else if m := messageLine.FindStringSubmatch(line); m != nil {
			texts[name] = append(texts[name], m[1])
		}
	}
	return texts
}

// owning makes a layer that may change its request.
func owning(do transport.LayerFunc) transport.Layer {
	return transport.NewLayerFunc("broken", transport.Anywhere, do)
}

// impatient closes connections that it doesn't own.
type impatient struct{ unwrapping }

func (i impatient) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := i.unwrapping.RoundTrip(req)
	if err != nil {
		i.CloseIdleConnections()
	}
	return resp, err
}

func (i impatient) CloseIdleConnections() { transport.CloseIdleConnections(i.Unwrap()) }

// tripping makes a layer that works on its caller's request.
func tripping(do transport.LayerFunc) transport.Layer {
	return transport.NewLayer("broken", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper {
		return tripper{unwrapping{next}, do}
	})
}

type tripper struct {
	unwrapping
	do transport.LayerFunc
}

func (t tripper) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.do(req, t.RoundTripper.RoundTrip)
}

func (t tripper) CloseIdleConnections() { transport.CloseIdleConnections(t.RoundTripper) }

// unwrapping has Unwrap, but not CloseIdleConnections.
type unwrapping struct{ http.RoundTripper }

func (u unwrapping) Unwrap() http.RoundTripper { return u.RoundTripper }

// closing has CloseIdleConnections, but not Unwrap.
type closing struct{ http.RoundTripper }

func (c closing) CloseIdleConnections() { transport.CloseIdleConnections(c.RoundTripper) }

// deaf ignores CloseIdleConnections.
type deaf struct{ unwrapping }

func (deaf) CloseIdleConnections() {}

// astray unwraps to another base.
type astray struct{ closing }

func (astray) Unwrap() http.RoundTripper { return http.DefaultTransport }

// again sends a request again, with a body from GetBody.
func again(req *http.Request, next transport.Next) (*http.Response, error) {
	req = req.Clone(req.Context())
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	req.Body = body
	return next(req)
}

// reading makes a layer that wraps the bodies of successes.
func reading(wrap func(io.Reader) io.Reader) transport.Layer {
	return owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
		resp, err := next(req)
		if err == nil && resp.StatusCode == 200 {
			resp.Body = struct {
				io.Reader
				io.Closer
			}{wrap(resp.Body), resp.Body}
		}
		return resp, err
	})
}

// forgiving turns io.ErrUnexpectedEOF into io.EOF.
type forgiving struct{ io.Reader }

func (f *forgiving) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// leaking makes a bulkhead that doesn't free its permit in a panic.
func leaking(limit int) transport.Layer {
	permits := make(chan bool, limit)
	return owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
		select {
		case permits <- true:
		default:
			if req.Body != nil {
				req.Body.Close()
			}
			return nil, errors.New("full")
		}
		resp, err := next(req)
		<-permits
		return resp, err
	})
}

// mixing makes a layer that keeps response bodies in a shared variable.
func mixing() transport.Layer {
	var mu sync.Mutex
	var latest []byte
	return owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
		resp, err := next(req)
		if err != nil || resp.ContentLength < 1 || resp.ContentLength > 20 {
			return resp, err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return nil, err
		}
		mu.Lock()
		latest = body
		mu.Unlock()
		for range 100 {
			runtime.Gosched()
		}
		mu.Lock()
		defer mu.Unlock()
		resp.Body = io.NopCloser(bytes.NewReader(slices.Clone(latest)))
		return resp, nil
	})
}
