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
	{"changes its owner's request", "a request is never changed for its owner",
		tripping(func(req *http.Request, next transport.Next) (*http.Response, error) {
			req.Header.Set("X-Layer", "was here")
			return next(req)
		})},
	{"changes a request that is on its way", "a request isn't touched once it was handed on",
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
	{"repeats without closing the first answer", "every response body that isn't returned is closed",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil || resp.StatusCode != 503 || req.GetBody == nil {
				return resp, err
			}
			return again(req, next)
		})},
	{"repeats with the body that it had", "a body is sent again only from GetBody",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil || resp.StatusCode != 503 {
				return resp, err
			}
			resp.Body.Close()
			return next(req.Clone(req.Context()))
		})},
	{"wraps the body and not GetBody", "Body, GetBody and ContentLength go together",
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
	{"gives each request a key of its own", "a caller's idempotency key stays",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			req.Header.Set(transport.KeyHeader, "the-key-of-a-layer")
			return next(req)
		})},
	{"returns a response and an error", "a response comes back without an error, an error without a response",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && resp.StatusCode == 500 {
				err = errors.New("server error")
			}
			return resp, err
		})},
	{"returns nothing", "a response comes back without an error, an error without a response",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && resp.StatusCode == 404 {
				resp.Body.Close()
				return nil, nil
			}
			return resp, err
		})},
	{"makes an error of a status", "an error status is a response",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && resp.StatusCode >= 500 {
				resp.Body.Close()
				return nil, errors.New(resp.Status)
			}
			return resp, err
		})},
	{"cuts large answers", "what comes back is what came: status, header and bytes",
		reading(func(body io.Reader) io.Reader { return io.LimitReader(body, 100<<10) })},
	{"leaves out the answer's header", "what comes back is what came: status, header and bytes",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && resp.StatusCode == 200 {
				resp.Header.Del("X-Probe")
			}
			return resp, err
		})},
	{"hides that a body broke off", "a broken body doesn't look whole",
		reading(func(body io.Reader) io.Reader { return &forgiving{body} })},
	{"reads answers to their end", "a stream isn't held back",
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
	{"ignores the context", "the end of the context ends the request, at once",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			return next(req.WithContext(context.WithoutCancel(req.Context())))
		})},
	{"sleeps between attempts", "the end of the context ends the request, at once",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil || resp.StatusCode != 503 || req.GetBody == nil {
				return resp, err
			}
			resp.Body.Close()
			time.Sleep(time.Second)
			return again(req, next)
		})},
	{"hides that the context ended", "the end of the context ends the request, at once",
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
	{"leaves a goroutine for ever", "no goroutine outlives its request",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			ended := make(chan bool)
			go func() { ended <- true }()
			return next(req)
		})},
	{"hides the inner error", "the inner round tripper's error is in the layer's own",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil && req.Context().Err() == nil {
				err = fmt.Errorf("not sent: %v", err)
			}
			return resp, err
		})},
	{"shows the header in its errors", "no secret of a request is in an error",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil {
				err = fmt.Errorf("sending %v: %w", req.Header, err)
			}
			return resp, err
		})},
	{"shows the query in its errors", "no secret of a request is in an error",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil {
				err = fmt.Errorf("sending to %s: %w", req.URL, err)
			}
			return resp, err
		})},
	{"recovers from panics", "a panic passes through, and frees what was held",
		owning(func(req *http.Request, next transport.Next) (resp *http.Response, err error) {
			defer func() {
				if problem := recover(); problem != nil {
					err = fmt.Errorf("recovered: %v", problem)
				}
			}()
			return next(req)
		})},
	{"keeps its permit in a panic", "a panic passes through, and frees what was held", leaking(100)},
	{"doesn't hand CloseIdleConnections on", "CloseIdleConnections is handed on, and left to the owner",
		transport.NewLayer("broken", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper { return deaf{unwrapping{next}} })},
	{"calls CloseIdleConnections", "CloseIdleConnections is handed on, and left to the owner",
		transport.NewLayer("broken", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper { return impatient{unwrapping{next}} })},
	{"doesn't unwrap", "transport.As finds the base",
		transport.NewLayer("broken", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper { return astray{closing{next}} })},
	{"mixes answers up", "concurrent requests don't mix", mixing()},
}

func TestTestLayerTellsWhichRuleIsBroken(t *testing.T) {
	if !isChild(t) {
		t.Parallel()
		told := failures(t)
		for _, tt := range brokenLayers {
			if got, want := told[tt.name], fmt.Sprintf("layer %q breaks the rule %q: ", tt.layer.Name(), tt.rule); len(got) != 1 || !strings.HasPrefix(got[0], want) {
				t.Errorf("a layer that %s fails with\n\t%s\nwant one line that begins with\n\t%s", tt.name, strings.Join(got, "\n\t"), want)
			}
		}
		return
	}
	for _, tt := range brokenLayers {
		t.Run(tt.name, func(t *testing.T) { conformance.TestLayer(t, tt.layer) })
	}
}

func TestTestLayerRefusesALayerThatCannotBeBuilt(t *testing.T) {
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

func TestLayersThatAreRightPass(t *testing.T) {
	t.Parallel()
	for name, layer := range map[string]transport.Layer{
		"audits": audit(io.Discard),
		"hands on": owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
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

// childOf names, in a process that failures has started, the test to run.
const childOf = "CONFORMANCE_CHILD_OF"

func isChild(t *testing.T) bool { return os.Getenv(childOf) == t.Name() }

var (
	failedLine  = regexp.MustCompile(`^ +--- (?:FAIL|PASS): [^/]+/(.+) \([0-9.]+s\)$`)
	messageLine = regexp.MustCompile(`^ +[a-z_]+\.go:[0-9]+: (.+)$`)
)

// childOutput runs the test once more, in a process of its own in which it must
// fail, and gives what it printed.
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

// failures gives what each subtest of the test told in childOutput.
func failures(t *testing.T) map[string][]string {
	t.Helper()
	told := make(map[string][]string)
	var name string
	for line := range strings.Lines(childOutput(t)) {
		line = strings.TrimRight(line, "\n")
		if m := failedLine.FindStringSubmatch(line); m != nil {
			name = strings.ReplaceAll(m[1], "_", " ")
		} else if m := messageLine.FindStringSubmatch(line); m != nil {
			told[name] = append(told[name], m[1])
		}
	}
	return told
}

// owning is a layer that owns the request that it works on.
func owning(do transport.LayerFunc) transport.Layer {
	return transport.NewLayerFunc("broken", transport.Anywhere, do)
}

// impatient closes connections that aren't its own.
type impatient struct{ unwrapping }

func (i impatient) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := i.unwrapping.RoundTrip(req)
	if err != nil {
		i.CloseIdleConnections()
	}
	return resp, err
}

func (i impatient) CloseIdleConnections() { transport.CloseIdleConnections(i.Unwrap()) }

// tripping is a layer that works on its caller's request.
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

// unwrapping leads to what is inside, and does no more.
type unwrapping struct{ http.RoundTripper }

func (u unwrapping) Unwrap() http.RoundTripper { return u.RoundTripper }

// closing hands CloseIdleConnections on, and does no more.
type closing struct{ http.RoundTripper }

func (c closing) CloseIdleConnections() { transport.CloseIdleConnections(c.RoundTripper) }

// deaf does nothing where it should close connections.
type deaf struct{ unwrapping }

func (deaf) CloseIdleConnections() {}

// astray unwraps to another base than its own.
type astray struct{ closing }

func (astray) Unwrap() http.RoundTripper { return http.DefaultTransport }

// again sends a request once more, with its body from GetBody.
func again(req *http.Request, next transport.Next) (*http.Response, error) {
	req = req.Clone(req.Context())
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	req.Body = body
	return next(req)
}

// reading is a layer that puts wrap around the bodies of successes.
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

// forgiving ends where its reader breaks off.
type forgiving struct{ io.Reader }

func (f *forgiving) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// leaking is a bulkhead that doesn't free its permit in a panic.
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

// mixing is a layer that keeps an answer where others can change it.
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
