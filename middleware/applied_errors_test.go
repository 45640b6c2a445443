package middleware_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
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
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errRefused}
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
		}, final, false, false},
		{"the token's file is missing", func(body io.ReadCloser) error {
			_ = body.Close()
			_, err := os.ReadFile("testdata/no such token")
			return fmt.Errorf("credentials: %w", err)
		}, final, false, false},
		{"the token's file is missing, behind an http.Client", func(body io.ReadCloser) error {
			_ = body.Close()
			return &url.Error{Op: "Post", URL: "https://token.invalid", Err: &fs.PathError{Op: "open", Path: "token", Err: fs.ErrNotExist}}
		}, final, false, false},
		{"a number of the system for a refused connection", func(body io.ReadCloser) error {
			_ = body.Close()
			return fmt.Errorf("tunnel: %w", errRefused)
		}, repeated, true, false},
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
			return &net.OpError{Op: "read", Net: "tcp", Err: errReset}
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
		{"the API refuses the connection", success, errRefused},
	} {
		// The API itself can't be reached.
		closed := serve(t, always(success))
		closed.refuse()
		tokens := serve(t, always(tt.token))
		side := &http.Client{Transport: newBase(t, quickConfig(tokens.url))}
		base := newBase(t, quickConfig(closed.url))
		fetching := func(req *http.Request, next transport.Next) (*http.Response, error) {
			if err := fetch(req, side, tokens.url); err != nil {
				_ = req.Body.Close()
				return nil, err
			}
			return next(req)
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
			check(t, keyed(quickConfig(closed.url)), baseFunc(func(req *http.Request) (*http.Response, error) { return fetching(req, base.RoundTrip) }))
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
	return newLayer("bypassing", func(req *http.Request, _ transport.Next) (*http.Response, error) { return own.RoundTrip(req) })
}

// slowAPI begins to carry each request out, and doesn't answer until the client
// is gone or the test ends.
type slowAPI struct {
	arrived chan struct{} // closed when the first request has come
	begun   atomic.Int32
	end     <-chan struct{}
}

func newSlowAPI(t *testing.T) *slowAPI {
	return &slowAPI{arrived: make(chan struct{}), end: t.Context().Done()}
}

func (a *slowAPI) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	readAll(req.Body)
	if a.begun.Add(1) == 1 {
		close(a.arrived)
	}
	select {
	case <-req.Context().Done():
	case <-a.end:
	}
	panic(http.ErrAbortHandler) // or the client might get an answer after all
}

// inFlight are the ways in which a call ends while the server carries it out.
var inFlight = map[string]func(ctx context.Context, api *slowAPI, cfg *config) (context.Context, context.CancelFunc){
	"canceled": func(ctx context.Context, api *slowAPI, _ *config) (context.Context, context.CancelFunc) {
		return api.cancels(ctx, context.Canceled)
	},
	"canceled with a cause": func(ctx context.Context, api *slowAPI, _ *config) (context.Context, context.CancelFunc) {
		return api.cancels(ctx, errors.New("shutting down"))
	},
	"canceled with a cause of ours": func(ctx context.Context, api *slowAPI, _ *config) (context.Context, context.CancelFunc) {
		return api.cancels(ctx, &errs.ClientError{Field: "name", Problem: "is empty"})
	},
	"caller's deadline": func(ctx context.Context, api *slowAPI, _ *config) (context.Context, context.CancelFunc) {
		expiring := newExpiring(ctx)
		go api.whenArrived(expiring, expiring.expire)
		return expiring, expiring.expire
	},
	"attempt's timeout": func(ctx context.Context, _ *slowAPI, cfg *config) (context.Context, context.CancelFunc) {
		cfg.RequestTimeout = 100 * time.Millisecond
		return ctx, func() {}
	},
}

// cancels returns a context that ends when the first request has come.
func (a *slowAPI) cancels(ctx context.Context, cause error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go a.whenArrived(ctx, func() { cancel(cause) })
	return ctx, func() { cancel(nil) }
}

// whenArrived calls end when the first request has come, unless ctx ends before.
func (a *slowAPI) whenArrived(ctx context.Context, end func()) {
	select {
	case <-a.arrived:
		end()
	case <-ctx.Done():
	}
}

func TestWhatALayerSendsPastTheWireMayHaveBeenApplied(t *testing.T) {
	t.Parallel()
	for end, begin := range inFlight {
		for position, put := range positions {
			if end == "attempt's timeout" && position != "next to the base" {
				continue // outside of the timeout
			}
			for _, protocol := range []string{"HTTP/1", "HTTP/2"} {
				t.Run(end+"/"+position+"/"+protocol, func(t *testing.T) {
					t.Parallel()
					api := newSlowAPI(t)
					url, trust := serveHTTP2(t, api, nil)
					cfg := quickConfig(url)
					ctx, cancel := begin(t.Context(), api, &cfg)
					defer cancel()
					own := newBase(t, cfg, trust, func(base *http.Transport) { base.ForceAttemptHTTP2 = protocol == "HTTP/2" })
					err := post(ctx, newClient(t, put(bypassing(own))(keyed(cfg)), url, newBase(t, cfg, trust)))
					if api.begun.Load() == 0 {
						t.Skipf("a slow machine: it ended before it was sent: %v", err)
					}
					checkApplied(t, err, true)
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

// A layer may even write to a connection by hand, which nothing traces. Then its
// error decides.
func TestASendPastTheWireThatNothingTracesIsJudgedByItsError(t *testing.T) {
	t.Parallel()
	byHand := func(req *http.Request, _ transport.Next) (*http.Response, error) {
		defer req.Body.Close()
		conn, err := (&net.Dialer{}).DialContext(req.Context(), "tcp", req.URL.Host)
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		if err := req.Write(conn); err != nil {
			return nil, err
		}
		return http.ReadResponse(bufio.NewReader(conn), req)
	}
	for _, tt := range []struct {
		name    string
		end     reply // nil for a connection that is refused
		applied bool
	}{
		{"reset", reset, true},
		{"closed without an answer", hangUp, true},
		{"connection refused", nil, false},
	} {
		for position, put := range positions {
			t.Run(tt.name+"/"+position, func(t *testing.T) {
				t.Parallel()
				s := serve(t, always(tt.end))
				if tt.end == nil {
					s.refuse()
				}
				cfg := quickConfig(s.url)
				checkApplied(t, post(t.Context(), newClient(t, put(newLayer("by hand", byHand))(keyed(cfg)), s.url, newBase(t, cfg))), tt.applied)
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

// withoutHeader is a response of a base that leaves the header nil.
func withoutHeader(respond func(*http.Request) (*http.Response, error)) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		resp, err := respond(req)
		resp.Header = nil
		return resp, err
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
					layer := newLayer("made", func(req *http.Request, next transport.Next) (*http.Response, error) {
						if attempt++; attempt == 1 {
							return next(req)
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
				layer := newLayer("made", func(req *http.Request, _ transport.Next) (*http.Response, error) { return own(req) })
				checkApplied(t, post(t.Context(), newClient(t, put(layer)(keyed(cfg)), s.url, newBase(t, cfg))), false)
				if n := s.count(); n != 0 {
					t.Errorf("%d requests were sent", n)
				}
			})
		}
	}
}

// A base of the user's own may answer without a word to httptrace, or from a
// cache. Each of its answers counts as that of one request that was sent.
func TestTheAnswersOfAnOwnBase(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		answers []func(*http.Request) (*http.Response, error) // nil for a request that is really sent
		sent    reply                                         // ends that
		applied bool
	}{
		{"409 document", answers(made(409, errorDocument)), nil, false},
		{"200 document that says error", answers(made(200, errorDocument)), nil, false},
		{"200 document that says error, without a header", answers(withoutHeader(made(200, errorDocument))), nil, false},
		{"413", answers(made(413, "")), nil, false},
		{"404 without a document", answers(made(404, "")), nil, true},
		{"302", answers(made(302, "")), nil, true},
		{"503 document", answers(made(503, errorDocument)), nil, true},
		{"503, then 409 document", answers(made(503, ""), made(409, errorDocument)), nil, true},
		{"429, then 409 document", answers(made(429, errorDocument), made(409, errorDocument)), nil, false},
		{"503 from the server, then 404 document from a cache", answers(nil, made(404, errorDocument)), page(503), true},
		{"reset by the server, then 404 document from a cache", answers(nil, made(404, errorDocument)), reset, true},
		{"reset by the server, then 429 from a limiter", answers(nil, made(429, errorDocument)), reset, true},
		{"429 from the server, then 404 document from a cache", answers(nil, made(404, errorDocument)), page(429), false},
		{"503 from a cache, then 409 document from the server", answers(made(503, ""), nil), document(409), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, always(tt.sent))
			cfg := quickConfig(s.url)
			inner, attempt := newBase(t, cfg), 0
			err := post(t.Context(), newClient(t, keyed(cfg), s.url, baseFunc(func(req *http.Request) (*http.Response, error) {
				own := tt.answers[min(attempt, len(tt.answers)-1)]
				attempt++
				if own == nil {
					return inner.RoundTrip(req)
				}
				readAll(req.Body)
				return own(req)
			})))
			checkApplied(t, err, tt.applied)
			if attempt < len(tt.answers) {
				t.Errorf("there were %d attempts, want %d or more: %v", attempt, len(tt.answers), err)
			}
		})
	}
}

func answers(list ...func(*http.Request) (*http.Response, error)) []func(*http.Request) (*http.Response, error) {
	return list
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
