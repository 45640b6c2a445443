package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/transport"
)

// A base of the user's own reports nothing to httptrace. What is sure then is
// that a request whose body wasn't read wasn't sent; else the error's type
// decides, on the careful side.
func TestAnErrorOfAnOwnBaseIsJudgedByTheBodyAndTheType(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for _, tt := range []struct {
		name    string
		fail    func(body io.ReadCloser) error
		again   again
		network bool
		applied bool
	}{
		{"token fetch fails", func(body io.ReadCloser) error {
			_ = body.Close() // as golang.org/x/oauth2 does
			return errors.New("oauth2: invalid_grant")
		}, final, false, false},
		{"token fetch fails, the body stays open", func(io.ReadCloser) error {
			return errors.New("oauth2: invalid_grant")
		}, final, false, false},
		{"token fetch fails, wrapped", func(body io.ReadCloser) error {
			_ = body.Close()
			return fmt.Errorf("credentials: %w", fmt.Errorf("oauth2: %w", errors.New("invalid_grant")))
		}, final, false, false},
		{"token fetch fails, joined", func(body io.ReadCloser) error {
			_ = body.Close()
			return errors.Join(errors.New("primary: invalid_grant"), errors.New("secondary: invalid_grant"))
		}, final, false, false},
		{"token server is down", func(body io.ReadCloser) error {
			_ = body.Close()
			return &url.Error{Op: "Post", URL: "https://token.invalid", Err: refused}
		}, either, true, false},
		{"mock without an answer", func(io.ReadCloser) error { // as github.com/jarcoal/httpmock does
			return errors.New("Post \"https://api.invalid\": no responder found")
		}, final, false, false},
		{"mock without an answer, behind an http.Client", func(io.ReadCloser) error {
			return &url.Error{Op: "Post", URL: "https://api.invalid", Err: errors.New("no responder found")}
		}, either, false, false},
		{"signing fails", func(body io.ReadCloser) error {
			_ = body.Close()
			return errors.New("no key to sign with")
		}, final, false, false},
		{"connection refused, the body is unread", func(body io.ReadCloser) error {
			_ = body.Close()
			return refused
		}, repeated, true, false},
		{"connection refused, the body is read", func(body io.ReadCloser) error {
			readAll(body)
			return refused
		}, repeated, true, false},
		{"reset, the body is read", func(body io.ReadCloser) error {
			readAll(body)
			return &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
		}, either, true, true},
		{"end without an answer, the body is read", func(body io.ReadCloser) error {
			readAll(body)
			return io.ErrUnexpectedEOF
		}, either, true, true},
		{"own words, the body is read", func(body io.ReadCloser) error {
			readAll(body)
			return errors.New("the tunnel is gone")
		}, either, false, true},
		{"own words, the body is read in part", func(body io.ReadCloser) error {
			_, _ = body.Read(make([]byte, 1))
			_ = body.Close()
			return errors.New("the tunnel is gone")
		}, either, false, true},
	} {
		for name, stack := range map[string]func(config) transport.Stack{"with a key": keyed, "without a key": keyless} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				sent := 0
				cfg := quickConfig("https://api.invalid")
				err := post(t.Context(), newClient(t, stack(cfg), cfg.APIURL, baseFunc(func(req *http.Request) (*http.Response, error) {
					sent++
					return nil, tt.fail(req.Body)
				})))
				checkApplied(t, err, tt.applied)
				if got := errors.Is(err, errs.ErrNetwork); got != tt.network && tt.again != either {
					t.Errorf("%v is a NetworkError: %t, want %t", err, got, tt.network)
				}
				if tt.again == final && sent != 1 || tt.again == repeated && sent != 3 {
					t.Errorf("there were %d attempts", sent)
				}
				if tt.applied && name == "without a key" && sent != 1 {
					t.Errorf("a call that may have been applied was sent %d times without a key", sent)
				}
			})
		}
	}
}

func readAll(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, body)
	_ = body.Close()
}

// The requests that a layer or a base makes on the side, over sockets of its
// own, are no part of the call, if their context carries no call.
func TestARequestOnTheSideIsNoPartOfTheCall(t *testing.T) {
	t.Parallel()
	errGrant := errors.New("oauth2: invalid_grant")
	fetch := func(req *http.Request, client *http.Client, url string) error {
		side, err := http.NewRequestWithContext(transport.WithoutCall(req.Context()), http.MethodPost, url, strings.NewReader("grant_type=client_credentials"))
		if err != nil {
			return err
		}
		resp, err := client.Do(side)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errGrant
		}
		return nil
	}
	for _, tt := range []struct {
		name  string
		token reply
		err   error
	}{
		{"the token is refused", page(400), errGrant},
		{"the API refuses the connection", success, syscall.ECONNREFUSED},
	} {
		// The API itself can't be reached.
		closed := serve(t, always(success))
		closed.refuse()
		tokens := serve(t, always(tt.token))
		side := &http.Client{Transport: newBase(t, quickConfig(tokens.url))}
		base := newBase(t, quickConfig(closed.url))
		fetching := func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			if err := fetch(req, side, tokens.url); err != nil {
				_ = req.Body.Close()
				return nil, err
			}
			return next.RoundTrip(req)
		}
		check := func(t *testing.T, stack transport.Stack, base http.RoundTripper) {
			t.Helper()
			err := post(t.Context(), newClient(t, stack, closed.url, base))
			checkApplied(t, err, false)
			if !errors.Is(err, tt.err) {
				t.Errorf("the error is %v, want %v", err, tt.err)
			}
			if tt.err == errGrant && errors.Is(err, errs.ErrNetwork) {
				t.Errorf("%v is a NetworkError", err)
			}
		}
		t.Run(tt.name+"/by the base", func(t *testing.T) {
			check(t, keyed(quickConfig(closed.url)), baseFunc(func(req *http.Request) (*http.Response, error) { return fetching(req, base) }))
		})
		for position, put := range positions {
			t.Run(tt.name+"/"+position, func(t *testing.T) {
				check(t, put(newLayer("fetching", fetching))(keyed(quickConfig(closed.url))), base)
			})
		}
		if n := closed.count(); n != 0 {
			t.Errorf("%s: the API read %d requests", tt.name, n)
		}
	}
}

// positions are the places for a layer of the user's.
var positions = map[string]func(...transport.Layer) func(transport.Stack) transport.Stack{
	"outside retry": perCall, "inside retry": perAttempt, "next to the base": onWire,
}

// bypassing is a layer with a transport of its own: an oauth2.Transport whose
// Base was forgotten, for one. What it sends goes past the wire.
func bypassing(own http.RoundTripper) transport.Layer {
	return newLayer("bypassing", func(req *http.Request, _ http.RoundTripper) (*http.Response, error) { return own.RoundTrip(req) })
}

// slowAPI carries each request out, reports it, and answers when the test ends.
type slowAPI struct {
	arrived chan struct{} // closed when the first request was carried out
	once    sync.Once
	end     <-chan struct{}
}

func newSlowAPI(t *testing.T) *slowAPI {
	return &slowAPI{arrived: make(chan struct{}), end: t.Context().Done()}
}

func (a *slowAPI) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	_, _ = io.Copy(io.Discard, req.Body)
	a.once.Do(func() { close(a.arrived) })
	select {
	case <-req.Context().Done(): // the client is gone
	case <-a.end:
	}
}

func TestWhatALayerSendsPastTheWireMayHaveBeenApplied(t *testing.T) {
	t.Parallel()
	ends := map[string]struct {
		edit func(*config)
		call func(ctx context.Context, api *slowAPI) (context.Context, context.CancelFunc)
	}{
		"canceled in flight": {call: func(ctx context.Context, api *slowAPI) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			go func() {
				select {
				case <-api.arrived:
				case <-ctx.Done():
				}
				cancel()
			}()
			return ctx, cancel
		}},
		"canceled in flight with a cause": {call: func(ctx context.Context, api *slowAPI) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			go func() {
				select {
				case <-api.arrived:
				case <-ctx.Done():
				}
				cancel(errors.New("shutting down"))
			}()
			return ctx, func() { cancel(nil) }
		}},
		"caller's deadline in flight": {call: func(ctx context.Context, _ *slowAPI) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 100*time.Millisecond)
		}},
		"attempt's timeout in flight": {
			edit: func(cfg *config) { cfg.RequestTimeout, cfg.MaxRetries = 100*time.Millisecond, 0 },
			call: func(ctx context.Context, _ *slowAPI) (context.Context, context.CancelFunc) { return ctx, func() {} },
		},
	}
	for name, end := range ends {
		for position, put := range positions {
			for _, protocol := range []string{"HTTP/1", "HTTP/2"} {
				if name == "attempt's timeout in flight" && position != "next to the base" {
					continue // outside of the timeout
				}
				t.Run(name+"/"+position+"/"+protocol, func(t *testing.T) {
					t.Parallel()
					api := newSlowAPI(t)
					url, trust := serveHTTP2(t, api, nil)
					cfg := quickConfig(url)
					if end.edit != nil {
						end.edit(&cfg)
					}
					own := newBase(t, cfg, trust, func(base *http.Transport) { base.ForceAttemptHTTP2 = protocol == "HTTP/2" })
					client := newClient(t, put(bypassing(own))(keyed(cfg)), url, newBase(t, cfg, trust))
					ctx, cancel := end.call(t.Context(), api)
					defer cancel()
					err := post(ctx, client)
					select {
					case <-api.arrived:
						checkApplied(t, err, true)
					default: // a slow machine: the time was up before the request was sent
						t.Logf("not sent: %v", err)
					}
				})
			}
		}
	}
}

func TestTheEndOfASendPastTheWire(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		script  script
		applied bool
		again   bool // it takes two sends
	}{
		{"reset", always(reset), true, false},
		{"closed without an answer", always(hangUp), true, false},
		{"cut", always(cut("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")), true, false},
		{"503 document", always(document(503)), true, false},
		{"502 page", always(page(502)), true, false},
		{"404 page", always(page(404)), true, false},
		{"200 page", always(page(200)), true, false},
		{"503, then reset", inTurn(document(503), reset), true, true},
		{"reset, then refused", inTurn(reset, document(409)), true, true},
		{"connection refused", nil, false, false},
	} {
		for position, put := range positions {
			if position == "outside retry" && tt.again {
				continue // nothing sends it again
			}
			t.Run(tt.name+"/"+position, func(t *testing.T) {
				t.Parallel()
				s := serve(t, tt.script)
				if tt.script == nil {
					s.refuse()
				}
				cfg := quickConfig(s.url)
				err := post(t.Context(), newClient(t, put(bypassing(newBase(t, cfg)))(keyed(cfg)), s.url, newBase(t, cfg)))
				if tt.applied && s.count() == 0 {
					t.Fatalf("nothing was sent: %v", err)
				}
				checkApplied(t, err, tt.applied)
			})
		}
	}
}

// made is a response that a layer has made up.
func made(status int, body string) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		_ = req.Body.Close()
		return answerWith(status, "application/json", io.NopCloser(strings.NewReader(body))), nil
	}
}

// What a layer makes up, without sending, settles nothing that was sent before.
func TestALayersOwnAnswerSettlesNothing(t *testing.T) {
	t.Parallel()
	earlier := map[string]reply{
		"503 document": document(503),
		"502 page":     page(502),
		"reset":        reset,
		"hung up":      hangUp,
		"cut":          cut("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"),
	}
	answers := map[string]func(*http.Request) (*http.Response, error){
		"200 that says error": made(200, errorDocument),
		"404 document":        made(404, errorDocument), // a cache's
		"409 document":        made(409, errorDocument),
		"413":                 made(413, ""),
		"429 document":        made(429, errorDocument), // a limiter's
		"RejectedError": func(req *http.Request) (*http.Response, error) {
			_ = req.Body.Close()
			return nil, &errs.RejectedError{Layer: "made", Cause: errors.New("closed for today")}
		},
		"an error of its own": func(req *http.Request) (*http.Response, error) {
			_ = req.Body.Close()
			return nil, errors.New("closed for today")
		},
	}
	for before, sent := range earlier {
		for name, own := range answers {
			for _, position := range []string{"inside retry", "next to the base"} {
				t.Run(before+", then "+name+"/"+position, func(t *testing.T) {
					t.Parallel()
					s := serve(t, always(sent))
					cfg := quickConfig(s.url)
					attempt := 0
					layer := newLayer("made", func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
						if attempt++; attempt == 1 {
							return next.RoundTrip(req)
						}
						return own(req)
					})
					err := post(t.Context(), newClient(t, positions[position](layer)(keyed(cfg)), s.url, newBase(t, cfg)))
					checkApplied(t, err, true)
					if s.count() != 1 || attempt < 2 {
						t.Errorf("%d of %d attempts were sent, want the first of several", s.count(), attempt)
					}
				})
			}
		}
	}
	for name, own := range answers {
		for position, put := range positions {
			t.Run("nothing, then "+name+"/"+position, func(t *testing.T) {
				t.Parallel()
				s := serve(t, always(success))
				cfg := quickConfig(s.url)
				layer := newLayer("made", func(req *http.Request, _ http.RoundTripper) (*http.Response, error) { return own(req) })
				checkApplied(t, post(t.Context(), newClient(t, put(layer)(keyed(cfg)), s.url, newBase(t, cfg))), false)
				if n := s.count(); n != 0 {
					t.Errorf("%d requests were sent", n)
				}
			})
		}
	}
}

// A call that changes nothing was never applied, however it ends.
func TestACallThatChangesNothingWasNotApplied(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]reply{"reset": reset, "503 document": document(503), "404 page": page(404), "200 page": page(200)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, always(end))
			checkApplied(t, read(t.Context(), connect(t, quickConfig(s.url))), false)
		})
	}
}

// A layer's refusal before anything is sent, and the end of the wait in one, are
// no send.
func TestAWaitInALayerIsNoSend(t *testing.T) {
	t.Parallel()
	s := serve(t, always(success))
	cfg := quickConfig(s.url)
	for name, tt := range map[string]struct {
		layer  transport.Layer
		expire bool
	}{
		"full":                     {middleware.Bulkhead(middleware.NewBulkhead(0), 0), false},
		"the deadline in the wait": {middleware.Bulkhead(middleware.NewBulkhead(0), time.Hour), true},
	} {
		for position, put := range positions {
			t.Run(name+"/"+position, func(t *testing.T) {
				ctx := t.Context()
				if tt.expire {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, 5*time.Millisecond)
					defer cancel()
				}
				checkApplied(t, post(ctx, newClient(t, put(tt.layer)(keyed(cfg)), s.url, newBase(t, cfg))), false)
				if n := s.count(); n != 0 {
					t.Errorf("%d requests were sent", n)
				}
			})
		}
	}
}
