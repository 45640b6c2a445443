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
	"testing"
	"testing/iotest"
	"time"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

const holdsReach = "every call is sent through the base that the stack is built on, and nothing is sent elsewhere"

// brokenStacks break one invariant each.
var brokenStacks = []struct {
	name    string
	holds   string
	build   conformance.Build
	options []conformance.SuiteOption
}{
	{"replaces the caller's key", "one call has one idempotency key, the same on every attempt, hedge and replay, and a caller's key is never replaced",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack { return s.PerCall(renamingKeys()) }), nil},
	{"hides its connections, and reports a reset as a refused connection", "a call that succeeded was applied exactly once, one that failed at most once, and its error says whether it may have been applied",
		onBase(func(req *http.Request, base transport.Next) (*http.Response, error) {
			resp, err := base(req.WithContext(untraced{req.Context()}))
			if errors.Is(err, errReset) {
				err = &net.OpError{Op: "dial", Net: "tcp", Err: err}
			}
			return resp, err
		}), nil},
	{"sends the token to every host", "the token goes only to the configured origin, over https, or http on loopback, and no error shows it",
		edited(func(s transport.Stack, cfg middleware.Config) transport.Stack {
			return s.Replace("auth", owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
				req.Header.Set("Authorization", "Bearer "+cfg.APIToken.Reveal())
				return next(req)
			}))
		}), nil},
	{"sends the token over plain http", "the token goes only to the configured origin, over https, or http on loopback, and no error shows it",
		edited(func(s transport.Stack, cfg middleware.Config) transport.Stack {
			return s.Replace("auth", middleware.Auth(cfg.APIURL, cfg.APIToken, middleware.AllowPlainHTTP()))
		}), nil},
	{"shows the token in errors", "the token goes only to the configured origin, over https, or http on loopback, and no error shows it",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
			return s.Wire(owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
				resp, err := next(req)
				if err != nil {
					err = fmt.Errorf("sending %v: %w", req.Header, err)
				}
				return resp, err
			}))
		}), nil},
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
		}), nil},
	{"leaves responses open", "every body is closed on every path",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
			return s.Wire(rewriting(1<<20, func(body []byte) []byte { return body }, false))
		}), nil},
	{"ignores Retry-After", "a wait ends at once on cancellation, is not begun if it would outlast the deadline, and is never shorter than Retry-After",
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
		}), nil},
	{"ignores the context", "a wait ends at once on cancellation, is not begun if it would outlast the deadline, and is never shorter than Retry-After",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
			return s.PerCall(owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
				return next(req.WithContext(context.WithoutCancel(req.Context())))
			}))
		}), nil},
	{"reads responses of any size", "responses are bounded in size",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
			return s.Wire(rewriting(64<<20, func(body []byte) []byte { return body }, true))
		}), nil},
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
		}), nil},
	{"leaves a goroutine", "the stack is safe for concurrent use, and no goroutine outlives its call",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
			return s.Wire(owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
				go time.Sleep(time.Second)
				return next(req)
			}))
		}), nil},
	{"mixes responses up", "the stack is safe for concurrent use, and no goroutine outlives its call",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack { return s.PerAttempt(delaying()) }), nil},
	{"sends over a transport of its own", holdsReach,
		onBase(func(req *http.Request, _ transport.Next) (*http.Response, error) {
			req = req.Clone(req.Context())
			req.URL.Host = elsewhere()
			return http.DefaultTransport.RoundTrip(req)
		}), nil},
	{"refuses everything", holdsReach,
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
			return s.PerCall(owning(func(req *http.Request, _ transport.Next) (*http.Response, error) { return nil, refused(req) }))
		}), nil},
	{"fetches tokens over a transport of its own", holdsReach,
		authorized(func(next http.RoundTripper) http.RoundTripper {
			return &tokenAdding{next: next, token: func() (string, error) {
				resp, err := http.Get("http://" + elsewhere())
				if err != nil {
					return "", err
				}
				return "fetched", resp.Body.Close()
			}}
		}), ownAuth},
	{"holds a lock over its calls", "a wait ends at once on cancellation, is not begun if it would outlast the deadline, and is never shorter than Retry-After",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
			return s.PerCall(locking(func(lock *sync.Mutex, next func() (*http.Response, error)) (*http.Response, error) {
				lock.Lock()
				defer lock.Unlock()
				return next()
			}))
		}), nil},
	{"has a retry of its own that ignores Retry-After", "a wait ends at once on cancellation, is not begun if it would outlast the deadline, and is never shorter than Retry-After",
		retrying(foreignRetry{deaf: true}), ownRetry},
	{"has a retry of its own that sleeps after a cancellation", "a wait ends at once on cancellation, is not begun if it would outlast the deadline, and is never shorter than Retry-After",
		retrying(foreignRetry{stubborn: true, asleep: true}), ownRetry},
	{"has a retry of its own that repeats a success", "a failure that another attempt may fix is retried, as the policy says, and nothing else is",
		retrying(foreignRetry{successes: true}), ownRetry},
	{"has a retry of its own, and drops the key's header", "one call has one idempotency key, the same on every attempt, hedge and replay, and a caller's key is never replaced",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
			return s.Replace("retry", foreignRetry{}.layer()).PerAttempt(owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
				req.Header.Del(transport.KeyHeader)
				return next(req)
			}))
		}), ownRetry},
	{"has an auth of its own that shows its token", "the token goes only to the configured origin, over https, or http on loopback, and no error shows it",
		edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
			return s.Replace("auth", owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
				const token = "a-token-of-its-own"
				req.Header.Set("Authorization", "Bearer "+token)
				resp, err := next(req)
				if err != nil {
					err = fmt.Errorf("sending with %s: %w", token, err)
				}
				return resp, err
			}))
		}), ownAuth},
	{"has an auth of its own that sends the configured token to every host", "the token goes only to the configured origin, over https, or http on loopback, and no error shows it",
		edited(func(s transport.Stack, cfg middleware.Config) transport.Stack {
			return s.Replace("auth", owning(func(req *http.Request, next transport.Next) (*http.Response, error) {
				req.Header.Set("X-Api-Key", cfg.APIToken.Reveal())
				return next(req)
			}))
		}), ownAuth},
	{"retries what can't succeed", "a failure that another attempt may fix is retried, as the policy says, and nothing else is",
		edited(func(s transport.Stack, cfg middleware.Config) transport.Stack {
			cfg.RetryOnStatusCodes = append(slices.Clone(cfg.RetryOnStatusCodes), http.StatusNotImplemented)
			return s.Replace("retry", middleware.Retry(cfg.RetryPolicy))
		}), nil},
}

func TestTestStackNamesTheBrokenInvariant(t *testing.T) {
	if isChild(t) {
		elsewhere() // not in a bubble
		conformance.SetPatience(10 * time.Second)
		for _, tt := range brokenStacks {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				conformance.TestStack(t, tt.build, tt.options...)
			})
		}
		return
	}
	if testing.Short() {
		t.Skip("runs the suite on each broken stack")
	}
	t.Parallel()
	failed := make(map[string][]string)
	for path, lines := range failures(t) {
		name, _, _ := strings.Cut(path, "/")
		failed[name] = append(failed[name], lines...)
	}
	for _, tt := range brokenStacks {
		if len(failed[tt.name]) == 0 {
			t.Errorf("a stack that %s passes", tt.name)
		}
		for _, line := range failed[tt.name] {
			if want := "broken: " + tt.holds + ": "; !strings.HasPrefix(line, want) {
				t.Errorf("a stack that %s fails with\n\t%s\nwant a line that begins with\n\t%s", tt.name, line, want)
			}
		}
	}
}

func TestTestStackAcceptsCorrectStacks(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		build   conformance.Build
		options []conformance.SuiteOption
	}{
		"the default stack with a layer":          {audited, nil},
		"the same, with options that it needn't":  {audited, []conformance.SuiteOption{conformance.Hedged(), conformance.OwnRetry(), conformance.OwnAuth()}},
		"a retry of its own":                      {retrying(foreignRetry{}), ownRetry},
		"a retry that gives up early":             {retrying(foreignRetry{only: http.StatusTooManyRequests}), ownRetry},
		"a retry that waits beyond the deadline":  {retrying(foreignRetry{stubborn: true}), ownRetry},
		"a retry of everything":                   {retrying(foreignRetry{everything: true}), ownRetry},
		"a retry of its own, made whole":          {madeWhole(foreignRetry{}), ownRetry},
		"a deaf and stubborn retry, made whole":   {madeWhole(foreignRetry{deaf: true, stubborn: true}), ownRetry},
		"no retry":                                {edited(func(s transport.Stack, _ middleware.Config) transport.Stack { return s.Without("retry") }), ownRetry},
		"a token of its own":                      {authorized(func(next http.RoundTripper) http.RoundTripper { return &tokenAdding{next: next} }), ownAuth},
		"a token that is fetched again on a 401":  {authorized(func(next http.RoundTripper) http.RoundTripper { return refreshing{next} }), ownAuth},
		"no token":                                {authorized(counting), ownAuth},
		"a retry and a token of its own, hedging": {bothOwn, []conformance.SuiteOption{conformance.Hedged(), conformance.OwnRetry(), conformance.OwnAuth()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conformance.TestStack(t, tt.build, tt.options...)
		})
	}
}

var (
	ownRetry = []conformance.SuiteOption{conformance.OwnRetry()}
	ownAuth  = []conformance.SuiteOption{conformance.OwnAuth()}
)

// retrying builds the default stack with another retry.
func retrying(policy foreignRetry) conformance.Build {
	return edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
		return s.Replace("retry", policy.layer())
	})
}

// madeWhole builds the default stack with another retry, which keeps to this
// module's rules.
func madeWhole(policy foreignRetry) conformance.Build {
	return edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
		return s.Replace("retry", middleware.ForeignRetry(policy.wrap))
	})
}

// authorized builds the default stack with another auth.
func authorized(wrap func(next http.RoundTripper) http.RoundTripper) conformance.Build {
	return edited(func(s transport.Stack, _ middleware.Config) transport.Stack {
		return s.Replace("auth", transport.NewLayer("auth", transport.PerAttempt, wrap))
	})
}

func bothOwn(cfg middleware.Config, base http.RoundTripper) (http.RoundTripper, error) {
	return middleware.Default(cfg).
		Replace("retry", foreignRetry{}.layer()).
		Replace("auth", transport.NewLayer("auth", transport.PerAttempt, func(next http.RoundTripper) http.RoundTripper { return &tokenAdding{next: next} })).
		PerAttempt(middleware.Hedge(middleware.NewHedge(time.Second))).
		RoundTripper(base)
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
		t.Errorf("got\n%s\nwant it to include\n%s", output, want)
	}
}

// edited builds the default stack after an edit.
func edited(edit func(transport.Stack, middleware.Config) transport.Stack) conformance.Build {
	return func(cfg middleware.Config, base http.RoundTripper) (http.RoundTripper, error) {
		return edit(middleware.Default(cfg), cfg).RoundTripper(base)
	}
}

// onBase builds the default stack on a base that do wraps.
func onBase(do transport.LayerFunc) conformance.Build {
	return func(cfg middleware.Config, base http.RoundTripper) (http.RoundTripper, error) {
		return middleware.Default(cfg).RoundTripper(tripper{unwrapping{base}, do})
	}
}

// untraced is a context without values, and so without a trace.
type untraced struct{ context.Context }

func (untraced) Value(any) any { return nil }

// renamingKeys makes a layer that replaces each key by its upper case.
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

// rewriting makes a layer that reads up to limit bytes of a response body and
// rewrites them. closes says whether closing the new body closes the old one.
func rewriting(limit int64, rewrite func([]byte) []byte, closes bool) transport.Layer {
	return transport.NewLayerFunc("rewriting", transport.Anywhere, func(req *http.Request, next transport.Next) (*http.Response, error) {
		resp, err := next(req)
		if err != nil || resp.Body == http.NoBody {
			return resp, err
		}
		body, _ := io.ReadAll(io.LimitReader(resp.Body, limit)) // an error comes again with the rest
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

// delaying makes a layer that returns the response of each finished span to the
// call that finishes the next one.
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
