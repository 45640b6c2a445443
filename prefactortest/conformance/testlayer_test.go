package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

const ruleReach = "a request reaches the inner round tripper, and is sent nowhere else"

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
	{"adds a key in another spelling", "the caller's idempotency key is kept",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			req.Header["idempotency-key"] = []string{"the-key-of-a-layer"}
			return next(req)
		})},
	{"sends with a context of its own", "the values of the request's context reach the inner round tripper",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			return next(req.WithContext(valueless{req.Context()}))
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
		reading(func(body io.Reader) io.Reader { return io.LimitReader(body, 1<<20) })},
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
	{"calls CloseIdleConnections", "CloseIdleConnections reaches the base, and is called by the owner only",
		transport.NewLayer("broken", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper { return impatient{unwrapping{next}} })},
	{"doesn't unwrap", "transport.As finds the base",
		transport.NewLayer("broken", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper { return astray{closing{next}} })},
	{"refuses everything", ruleReach,
		owning(func(req *http.Request, _ transport.Next) (*http.Response, error) {
			return nil, refused(req)
		})},
	{"responds by itself", ruleReach,
		owning(func(req *http.Request, _ transport.Next) (*http.Response, error) {
			refused(req)
			return &http.Response{Status: "200 OK", StatusCode: 200, Body: http.NoBody, Request: req}, nil
		})},
	{"sends over a transport of its own", ruleReach,
		owning(func(req *http.Request, _ transport.Next) (*http.Response, error) {
			req.URL.Host = elsewhere()
			return http.DefaultTransport.RoundTrip(req)
		})},
	{"sends over a transport of its own, to which no server listens", ruleReach,
		owning(func(req *http.Request, _ transport.Next) (*http.Response, error) {
			req.URL.Host = "127.0.0.1:1"
			return http.DefaultTransport.RoundTrip(req)
		})},
	{"fetches a token over a transport of its own", ruleReach,
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := http.Get("http://" + elsewhere())
			if err != nil {
				return nil, errors.Join(err, refused(req))
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			return next(req)
		})},
	{"cancels before the body is read", "the context of the request lasts until the response's body is closed",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			ctx, cancel := context.WithTimeout(req.Context(), time.Minute)
			defer cancel()
			return next(req.WithContext(ctx))
		})},
	{"refuses an ended context without closing the body", "every request body is closed",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			if err := req.Context().Err(); err != nil {
				return nil, err
			}
			return next(req)
		})},
	{"refuses a method without closing the body", "every request body is closed",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			if req.Method == http.MethodDelete {
				return nil, errors.New("may not delete")
			}
			return next(req)
		})},
	{"refuses a large request without closing the body", "every request body is closed",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			if req.ContentLength > 1<<20 {
				return nil, errors.New("too large")
			}
			return next(req)
		})},
	{"refuses a request without a header field without closing the body", "every request body is closed",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			if req.Header.Get("Content-Type") == "" {
				return nil, errors.New("no media type")
			}
			return next(req)
		})},
	{"refuses after failures without closing the body", "every request body is closed", breaking(40)},
	{"rewrites a status", "the response is passed on unchanged: status, header and body",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && resp.StatusCode == 409 {
				resp.StatusCode, resp.Status = 200, "200 OK"
			}
			return resp, err
		})},
	{"rewrites the text of a status", "the response is passed on unchanged: status, header and body",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil {
				resp.Status = http.StatusText(resp.StatusCode)
			}
			return resp, err
		})},
	{"drops Retry-After", "the response is passed on unchanged: status, header and body",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil {
				resp.Header.Del("Retry-After")
			}
			return resp, err
		})},
	{"drops one of two cookies", "the response is passed on unchanged: status, header and body",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && len(resp.Cookies()) == 2 {
				resp.Header.Set("Set-Cookie", resp.Header.Get("Set-Cookie"))
			}
			return resp, err
		})},
	{"changes ContentLength alone", "the response is passed on unchanged: status, header and body",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && resp.StatusCode == 404 {
				resp.ContentLength++
			}
			return resp, err
		})},
	{"changes the body of a response that leads to no request", "the response is passed on unchanged: status, header and body",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && resp.StatusCode == 404 {
				resp.Request, resp.ContentLength = nil, resp.ContentLength+1
			}
			return resp, err
		})},
	{"takes a 101 for an empty response", "the body of a 101 can be written to",
		owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && resp.ContentLength == 0 {
				resp.Body.Close()
				resp.Body = http.NoBody
			}
			return resp, err
		})},
	{"queues whatever the context says", "a request ends at once when its context ends", queueing()},
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
	elsewhere() // not in a bubble
	for _, tt := range brokenLayers {
		t.Run(tt.name, func(t *testing.T) { conformance.TestLayer(t, tt.layer) })
	}
}

// hangingLayers wait for what never comes, in a way that stops the clock of a
// bubble.
var hangingLayers = []struct {
	name  string
	check string // in which it hangs
	in    string // what it waits in
	layer transport.Layer
}{
	{"holds a lock over next", "a request whose context ends while another is in flight", "sync.(*Mutex).Lock", locking(func(lock *sync.Mutex, next func() (*http.Response, error)) (*http.Response, error) {
		lock.Lock()
		defer lock.Unlock()
		return next()
	})},
	{"keeps its lock in a panic", "panics", "sync.(*Mutex).Lock", locking(func(lock *sync.Mutex, next func() (*http.Response, error)) (*http.Response, error) {
		if !lock.TryLock() {
			lock.Lock()
		}
		lock.Unlock()
		resp, err := func() (*http.Response, error) {
			defer func() {
				if problem := recover(); problem != nil {
					lock.Lock()
					panic(problem)
				}
			}()
			return next()
		}()
		return resp, err
	})},
	{"keeps its permit in a panic, and waits for one", "panics", "conformance_test.", waiting(100)},
	{"waits for a channel that is not served", "the first request", "conformance_test.", waiting(0)},
}

func TestTestLayerNamesWhatHangs(t *testing.T) {
	if isChild(t) {
		conformance.SetPatience(10 * time.Second)
		for _, tt := range hangingLayers {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				conformance.TestLayer(t, tt.layer)
			})
		}
		return
	}
	if testing.Short() {
		t.Skip("waits until the suite gives up")
	}
	t.Parallel()
	output := childOutput(t)
	for _, tt := range hangingLayers {
		_, text, _ := strings.Cut(output, "--- FAIL: "+t.Name()+"/"+strings.ReplaceAll(tt.name, " ", "_"))
		text, _, _ = strings.Cut(text, "\n    --- ")
		want := `layer "broken" breaks the rule "every request ends": the check of ` + tt.check + " hangs: for 10s of real time"
		_, stack, found := strings.Cut(text, want)
		if !found || !strings.Contains(stack, tt.in) || strings.Count(text, "breaks the rule") != 1 {
			t.Errorf("a layer that %s fails with\n%s\nwant\n%s\nand a stack with %s", tt.name, text, want, tt.in)
		}
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
		"has a CloseIdleConnections that ends in it": transport.NewLayer("deaf", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper {
			return deaf{unwrapping{next}}
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

// refused closes the request's body.
func refused(req *http.Request) error {
	if req.Body != nil {
		req.Body.Close()
	}
	return errors.New("closed for today")
}

// elsewhere is the address of a server, which the first call starts.
var elsewhere = sync.OnceValue(func() string {
	return httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).Listener.Addr().String()
})

// breaking makes a breaker that opens for good after a number of failures.
func breaking(limit int64) transport.Layer {
	var failures atomic.Int64
	return owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
		if failures.Load() > limit {
			return nil, errors.New("open")
		}
		resp, err := next(req)
		if err != nil && req.Context().Err() == nil {
			failures.Add(1)
		}
		return resp, err
	})
}

// queueing makes a layer that passes on one request at a time, and stops waiting
// for nothing.
func queueing() transport.Layer {
	return transport.NewLayer("broken", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper {
		permits := make(chan bool, 1)
		return tripper{unwrapping{next}, func(req *http.Request, next transport.Next) (*http.Response, error) {
			permits <- true
			defer func() { <-permits }()
			return next(req)
		}}
	})
}

// locking makes a layer with a lock.
func locking(do func(lock *sync.Mutex, next func() (*http.Response, error)) (*http.Response, error)) transport.Layer {
	var lock sync.Mutex
	return owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
		return do(&lock, func() (*http.Response, error) { return next(req) })
	})
}

// waiting makes a bulkhead that waits for a permit, and doesn't free it in a
// panic.
func waiting(limit int) transport.Layer {
	permits := make(chan bool, limit)
	return owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
		select {
		case permits <- true:
		case <-req.Context().Done():
			refused(req)
			return nil, req.Context().Err()
		}
		resp, err := next(req)
		<-permits
		return resp, err
	})
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

// valueless is a context without values.
type valueless struct{ context.Context }

func (valueless) Value(any) any { return nil }

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
