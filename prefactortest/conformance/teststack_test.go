package conformance_test

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

// brokenStacks break one invariant each.
var brokenStacks = []struct {
	name  string
	holds string
	build conformance.Build
}{
	{"replaces the caller's key", "one call has one idempotency key, the same on every attempt, hedge and replay, and a caller's key is never replaced",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack { return s.PerCall(renamingKeys()) })},
	{"hides its connections, and takes a reset for a refused one", "a call that succeeded is there exactly once, one that failed once at most, and its error says whether it may have been applied",
		onBase(func(req *http.Request, base transport.Next) (*http.Response, error) {
			resp, err := base(req.WithContext(untraced{req.Context()}))
			if errors.Is(err, syscall.ECONNRESET) {
				err = &net.OpError{Op: "dial", Net: "tcp", Err: err}
			}
			return resp, err
		})},
	{"gives the token to every host", "the token goes to the configured origin only, over https, or http on loopback, and shows in no error",
		edited(func(s transport.Stack, cfg middleware.Config) transport.Stack {
			return s.Replace("auth", owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
				req.Header.Set("Authorization", "Bearer "+cfg.APIToken.Reveal())
				return next(req)
			}))
		})},
	{"gives the token to plain http", "the token goes to the configured origin only, over https, or http on loopback, and shows in no error",
		edited(func(s transport.Stack, cfg middleware.Config) transport.Stack {
			return s.Replace("auth", middleware.Auth(cfg.APIURL, cfg.APIToken, middleware.AllowPlainHTTP()))
		})},
	{"shows the token in errors", "the token goes to the configured origin only, over https, or http on loopback, and shows in no error",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
			return s.Wire(owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
				resp, err := next(req)
				if err != nil {
					err = fmt.Errorf("sending %v: %w", req.Header, err)
				}
				return resp, err
			}))
		})},
	{"follows redirects", "no redirect is followed",
		onBase(func(req *http.Request, base transport.Next) (*http.Response, error) {
			resp, err := base(req)
			if err != nil || resp.StatusCode != http.StatusTemporaryRedirect {
				return resp, err
			}
			resp.Body.Close()
			target, err := resp.Location()
			if err != nil {
				return nil, err
			}
			req = req.Clone(req.Context())
			req.Header.Del("Authorization")
			req.URL, req.Host = target, ""
			req.Body, _ = req.GetBody()
			return base(req)
		})},
	{"leaves answers open", "every body is closed on every path",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
			return s.Wire(rewriting(1<<20, func(body []byte) []byte { return body }, false))
		})},
	{"ignores Retry-After", "a wait ends at once on cancellation, one that would outlast the deadline is not begun, and a Retry-After is never waited less than",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
			return s.Wire(rewriting(1<<20, func(body []byte) []byte {
				return bytes.ReplaceAll(body, []byte("retry_after_ms"), []byte("later"))
			}, true), owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
				resp, err := next(req)
				if err == nil {
					resp.Header.Del("Retry-After")
				}
				return resp, err
			}))
		})},
	{"ignores the context", "a wait ends at once on cancellation, one that would outlast the deadline is not begun, and a Retry-After is never waited less than",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
			return s.PerCall(owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
				return next(req.WithContext(context.WithoutCancel(req.Context())))
			}))
		})},
	{"reads whatever comes", "answers are bounded in size",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
			return s.Wire(rewriting(64<<20, func(body []byte) []byte { return body }, true))
		})},
	{"rounds numbers", "unknown members are kept, and numbers keep every digit",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
			return s.Wire(rewriting(1<<20, func(body []byte) []byte {
				var document any
				if stdjson.Unmarshal(body, &document) != nil {
					return body
				}
				again, _ := stdjson.Marshal(document)
				return again
			}, true))
		})},
	{"leaves a goroutine", "all of it is safe for concurrent use, and no goroutine outlives its call",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
			return s.Wire(owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
				go time.Sleep(time.Second)
				return next(req)
			}))
		})},
	{"mixes answers up", "all of it is safe for concurrent use, and no goroutine outlives its call",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack { return s.PerAttempt(delaying()) })},
	{"repeats what can't be mended", "what another attempt may mend is repeated, as the policy says, and nothing else is",
		edited(func(s transport.Stack, cfg middleware.Config) transport.Stack {
			cfg.RetryOnStatusCodes = append(slices.Clone(cfg.RetryOnStatusCodes), http.StatusNotImplemented)
			return s.Replace("retry", middleware.Retry(cfg.RetryPolicy))
		})},
}

func TestTestStackTellsWhatIsBroken(t *testing.T) {
	if isChild(t) {
		for _, tt := range brokenStacks {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				conformance.TestStack(t, tt.build)
			})
		}
		return
	}
	if testing.Short() {
		t.Skip("runs the suite on each broken stack")
	}
	t.Parallel()
	told := make(map[string][]string)
	for path, lines := range failures(t) {
		name, _, _ := strings.Cut(path, "/")
		told[name] = append(told[name], lines...)
	}
	for _, tt := range brokenStacks {
		if len(told[tt.name]) == 0 {
			t.Errorf("a stack that %s passes", tt.name)
		}
		for _, line := range told[tt.name] {
			if want := "broken: " + tt.holds + ": "; !strings.HasPrefix(line, want) {
				t.Errorf("a stack that %s fails with\n\t%s\nwant a line that begins with\n\t%s", tt.name, line, want)
			}
		}
	}
}

func TestStacksThatAreRightPass(t *testing.T) {
	t.Parallel()
	conformance.TestStack(t, audited)
}

func TestTestStackShowsTheExchanges(t *testing.T) {
	if isChild(t) {
		t.Run("rounding", func(t *testing.T) {
			for _, tt := range brokenStacks {
				if tt.name == "rounds numbers" {
					conformance.TestStack(t, tt.build)
				}
			}
		})
		return
	}
	t.Parallel()
	const want = "\texchange 3: ping 200, fault: ping: reply 200\n"
	if output := childOutput(t); !strings.Contains(output, want) {
		t.Errorf("got\n%s\nwant it to hold\n%s", output, want)
	}
}

// edited builds the default stack after an edit.
func edited(edit func(transport.Stack, middleware.Config) transport.Stack) conformance.Build {
	return func(cfg middleware.Config, base http.RoundTripper) (http.RoundTripper, error) {
		return edit(middleware.Default(cfg), cfg).RoundTripper(base)
	}
}

// onBase builds the default stack on a base that do stands in front of.
func onBase(do transport.LayerFunc) conformance.Build {
	return func(cfg middleware.Config, base http.RoundTripper) (http.RoundTripper, error) {
		return middleware.Default(cfg).RoundTripper(tripper{unwrapping{base}, do})
	}
}

// untraced is a context without values, and so without a trace.
type untraced struct{ context.Context }

func (untraced) Value(any) any { return nil }

// renamingKeys gives each request another key, the same one to equal ones.
func renamingKeys() transport.Layer {
	return owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
		key := req.Header.Get(transport.KeyHeader)
		if key == "" || req.GetBody == nil {
			return next(req)
		}
		body, err := io.ReadAll(req.Body)
		req.Body.Close()
		if err != nil {
			return nil, err
		}
		other := strings.ToUpper(key)
		body = bytes.ReplaceAll(body, []byte(key), []byte(other))
		req.Header.Set(transport.KeyHeader, other)
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		req.Body, _ = req.GetBody()
		return next(req)
	})
}

// rewriting is a layer that reads answers up to limit bytes and puts others in
// their place.
func rewriting(limit int64, rewrite func([]byte) []byte, closes bool) transport.Layer {
	return transport.NewLayerFunc("rewriting", transport.Anywhere, func(req *http.Request, next transport.Next) (*http.Response, error) {
		resp, err := next(req)
		if err != nil || resp.Body == http.NoBody {
			return resp, err
		}
		body, _ := io.ReadAll(io.LimitReader(resp.Body, limit)) // the rest ends as the body does
		rest := resp.Body
		again := struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(rewrite(body)), rest), io.NopCloser(nil)}
		if closes {
			again.Closer = rest
		}
		resp.Body, resp.ContentLength = again, -1
		return resp, nil
	})
}

// delaying is a layer that gives the answer to a finished span to whoever
// finishes the next one.
func delaying() transport.Layer {
	var mu sync.Mutex
	var latest []byte
	return owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
		resp, err := next(req)
		if err != nil || resp.StatusCode != 200 || !strings.HasSuffix(req.URL.Path, "/finish") {
			return resp, err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), iotest.ErrReader(err)))
			return resp, nil
		}
		mu.Lock()
		defer mu.Unlock()
		body, latest = latest, body
		if body == nil {
			body = latest
		}
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return resp, nil
	})
}
