package middleware_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/transport"
)

// A hidden replay is what net/http sends by itself: where a connection that was
// used before ends without an answer, it sends a request that has an
// idempotency key again over another one. What becomes of the replay says
// nothing about the request that it replays.

// endings are the ways in which a server ends the connection of a request that
// it has carried out. Where net/http doesn't replay, the retry layer has to.
var endings = []struct {
	name   string
	end    reply
	hidden bool // net/http replays
}{
	{"reset", reset, true},
	{"closed without an answer", hangUp, true},
	{"closed within the header", cut("HTTP/1.1 200 OK\r\nContent-Ty"), false},
}

// meeting is what the replay meets.
type meeting struct {
	name    string
	reply   reply
	refused bool // its connection is refused
}

// after is the script of a server that makes a connection by a first call, ends
// it when the second call comes, and then is what the replay meets.
func (m meeting) after(end reply) script {
	return func(s *server, number int) reply {
		switch {
		case number == 1:
			return success
		case number > 2:
			return m.reply
		case m.refused:
			return s.refusing(end)
		}
		return end
	}
}

// meetings returns a row for each answer, and for none.
func meetings() []meeting {
	rows := []meeting{
		{name: "connection refused", refused: true},
		{name: "reset", reply: reset},
		{name: "closed without an answer", reply: hangUp},
		{name: "closed within the header", reply: cut("HTTP/1.1 404 Not F")},
		{name: "429 document with Retry-After", reply: document(429, "Retry-After: 1")},
		{name: "429 page with Retry-After", reply: page(429, "Retry-After: 1")},
		{name: "200 document that says error", reply: document(200)},
		{name: "503 document", reply: document(503)},
		{name: "502 page", reply: page(502)},
	}
	for _, status := range anyStatus {
		rows = append(rows,
			meeting{name: fmt.Sprintf("%d document", status), reply: document(status)},
			meeting{name: fmt.Sprintf("%d page", status), reply: page(status)})
	}
	return rows
}

func TestTheEndOfAHiddenReplayHidesNothing(t *testing.T) {
	t.Parallel()
	for _, ending := range endings {
		for _, meets := range meetings() {
			for _, retries := range []int{0, 2} {
				if retries == 0 && !ending.hidden {
					continue // nothing meets the second reply
				}
				t.Run(fmt.Sprintf("%s/%s/%d retries", ending.name, meets.name, retries), func(t *testing.T) {
					t.Parallel()
					s := serve(t, meets.after(ending.end))
					cfg := quickConfig(s.url)
					cfg.MaxRetries = retries
					checkHidden(t, s, connect(t, cfg))
				})
			}
		}
	}
}

// checkHidden makes two calls and expects that the second is carried out, fails
// and says so.
func checkHidden(t *testing.T, s *server, client *transport.Client) {
	t.Helper()
	if err := post(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	err := post(t.Context(), client)
	if s.count() < 2 {
		t.Fatalf("the second call didn't reach the server: %v", err)
	}
	checkApplied(t, err, true)
	s.checkOneKey(t, 2)
}

func TestAHiddenReplayThatSucceedsIsASuccess(t *testing.T) {
	t.Parallel()
	for _, ending := range endings {
		t.Run(ending.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, inTurn(success, ending.end, success))
			client := connect(t, quickConfig(s.url))
			for range 2 {
				if err := post(t.Context(), client); err != nil {
					t.Error(err)
				}
			}
			if n := s.count(); n != 3 {
				t.Errorf("the server read %d requests, want 3", n)
			}
			s.checkOneKey(t, 2)
		})
	}
}

func TestTheEndOfAHiddenReplayHidesNothingOverTLS(t *testing.T) {
	t.Parallel()
	for _, ending := range endings {
		for _, meets := range meetings()[:9] {
			t.Run(ending.name+"/"+meets.name, func(t *testing.T) {
				t.Parallel()
				settings, trust := certified()
				s := serveTLS(t, settings, meets.after(ending.end))
				checkHidden(t, s, connect(t, quickConfig(s.url), trust))
			})
		}
	}
}

// A request of a plain http.Client has no call to keep its account, and an error
// that has to know all the same.
func TestTheEndOfAHiddenReplayHidesNothingUnderAPlainClient(t *testing.T) {
	t.Parallel()
	for _, ending := range endings {
		for _, meets := range meetings()[:4] {
			for _, retries := range []int{0, 2} {
				t.Run(fmt.Sprintf("%s/%s/%d retries", ending.name, meets.name, retries), func(t *testing.T) {
					t.Parallel()
					s := serve(t, meets.after(ending.end))
					cfg := quickConfig(s.url)
					cfg.MaxRetries = retries
					client := &http.Client{Transport: build(t, keyed(cfg), newBase(t, cfg))}
					var err error
					for range 2 {
						var resp *http.Response
						if resp, err = client.Post(s.url, "application/json", strings.NewReader("{}")); err == nil {
							readAll(resp.Body)
						}
					}
					checkApplied(t, err, true)
					s.checkOneKey(t, 2)
				})
			}
		}
	}
}

// Of several idle connections net/http tries one after the other, all within
// one attempt.
func TestEveryHiddenReplayOfAnAttemptCounts(t *testing.T) {
	t.Parallel()
	for _, last := range []meeting{
		{name: "connection refused", refused: true},
		{name: "404 document", reply: document(404)},
		{name: "429 document", reply: document(429)},
	} {
		t.Run(last.name, func(t *testing.T) {
			t.Parallel()
			second := make(chan struct{})
			s := serve(t, func(s *server, number int) reply {
				switch number {
				case 1: // answered when the second has come, over another connection
					return func(conn net.Conn) bool {
						s.wait(second)
						return success(conn)
					}
				case 2:
					close(second)
					return success
				case 3:
					return reset
				case 4:
					if last.refused {
						return s.refusing(hangUp)
					}
					return hangUp
				}
				return last.reply
			})
			cfg := quickConfig(s.url)
			cfg.MaxRetries = 0
			client := connect(t, cfg)
			for _, err := range inParallel(2, func(int) error { return post(t.Context(), client) }) {
				t.Fatal(err)
			}
			err := post(t.Context(), client)
			if n := s.count(); n < 4 {
				t.Fatalf("the server read %d requests, want a replay over the second connection: %v", n, err)
			}
			checkApplied(t, err, true)
			s.checkOneKey(t, 3)
		})
	}
}

// net/http replays no request without a key, and the retry layer none that was
// written.
func TestWithoutAKeyARequestThatWasWrittenIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for _, ending := range endings {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			for _, body := range []any{nil, map[string]any{"name": "step"}} {
				t.Run(fmt.Sprintf("%s/%s/body %v", ending.name, method, body != nil), func(t *testing.T) {
					t.Parallel()
					s := serve(t, inTurn(success, ending.end, success))
					cfg := quickConfig(s.url)
					client := newClient(t, keyless(cfg), s.url, newBase(t, cfg))
					request := transport.Request{Method: method, Path: "/agent_spans", Body: body}
					if _, err := client.Do(t.Context(), request); err != nil {
						t.Fatal(err)
					}
					_, err := client.Do(t.Context(), request)
					checkApplied(t, err, true)
					if n := s.count(); n != 2 {
						t.Errorf("two calls were sent %d times", n)
					}
				})
			}
		}
	}
}

// A refused token is replaced and the request sent again within its attempt.
// Each answer settles the request that it answers, and no other.
func TestTheReplayWithAFreshTokenSettlesItsOwnWrite(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		replies []reply
		want    bool
	}{
		{"both are refused", []reply{success, document(401), document(403)}, false},
		{"the first is refused by a page", []reply{success, page(401), document(403)}, true},
		{"the second is carried out", []reply{success, document(401), page(502)}, true},
		{"the first is replayed in a hidden way", []reply{success, reset, document(401), document(403)}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, inTurn(tt.replies...))
			cfg := quickConfig(s.url)
			cfg.MaxRetries = 0
			client := newClient(t, keyed(cfg).Replace("auth", middleware.Auth(s.url, refresher{})), s.url, newBase(t, cfg))
			if err := post(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			checkApplied(t, post(t.Context(), client), tt.want)
			if n := s.count(); n != len(tt.replies) {
				t.Errorf("the server read %d requests, want %d", n, len(tt.replies))
			}
			s.checkOneKey(t, 2)
		})
	}
}

// refresher is a source of a stale token that has a fresh one.
type refresher struct{}

func (refresher) Token(context.Context) (transport.Secret, error) {
	return transport.NewSecret("stale"), nil
}

func (refresher) Refresh(context.Context, transport.Secret) (transport.Secret, error) {
	return transport.NewSecret("fresh"), nil
}

// The requests of a hedge overlap.
func TestTheAnswerToOneRequestOfAHedgeSettlesNoOther(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		first, second reply
		secondIsFirst bool // it is answered before the first
		want          bool
	}{
		{"reset, then refused", reset, document(409), false, true},
		{"refused, then reset", document(409), reset, false, true},
		{"refused, and the first reset after it", reset, document(409), true, true},
		{"replaced by a page, then refused", page(404), document(409), false, true},
		{"both refused", document(409), document(422), false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			both, answered := make(chan struct{}), make(chan struct{})
			s := serve(t, func(s *server, number int) reply {
				mine, goesFirst := tt.first, !tt.secondIsFirst
				if number == 2 {
					mine, goesFirst = tt.second, tt.secondIsFirst
					close(both)
				}
				return func(conn net.Conn) bool {
					s.wait(both)
					if goesFirst {
						defer close(answered)
					} else {
						s.wait(answered)
					}
					return mine(conn)
				}
			})
			cfg := quickConfig(s.url)
			cfg.MaxRetries = 0
			client := newClient(t, keyed(cfg).After("retry", middleware.Hedge(middleware.NewHedge(time.Millisecond))), s.url, newBase(t, cfg))
			checkApplied(t, post(t.Context(), client), tt.want)
			s.checkOneKey(t, 1)
		})
	}
}

// Each attempt's answer settles that attempt's request, and none before it.
func TestTheAnswerToAnAttemptSettlesNoAttemptBefore(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		replies []reply
		want    bool
	}{
		{"503, then refused", []reply{document(503), document(422)}, true},
		{"reset, then refused", []reply{reset, document(422)}, true},
		{"cut, then refused", []reply{cut("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"), document(422)}, true},
		{"503, then said to have failed under 200", []reply{page(503), document(200)}, true},
		{"503, then not taken on", []reply{page(503), page(413)}, true},
		{"503, then limited to the end", []reply{page(503), document(429)}, true},
		{"limited, then refused", []reply{document(429), document(422)}, false},
		{"limited by a gateway, then refused", []reply{page(429), document(422)}, false},
		{"limited to the end", []reply{document(429)}, false},
		{"limited by a gateway to the end", []reply{page(429)}, false},
		{"limited, then replaced by a page", []reply{document(429), page(404)}, true},
		{"limited, then said to have failed under 200", []reply{page(429), document(200)}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, inTurn(tt.replies...))
			checkApplied(t, post(t.Context(), connect(t, quickConfig(s.url))), tt.want)
			if n := s.count(); n < 2 {
				t.Errorf("the server read %d requests, want a retry", n)
			}
			s.checkOneKey(t, 1)
		})
	}
}

// A tunnel is a proxy that answers CONNECT with refusal, if there is one by
// then, or else connects to target.
type tunnel struct {
	*socket
	refusal atomic.Pointer[string]
}

func newTunnel(t *testing.T, target string) *tunnel {
	t.Helper()
	p := new(tunnel)
	p.socket = listen(t, func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
			return
		}
		if refusal := p.refusal.Load(); refusal != nil {
			_, _ = io.WriteString(conn, *refusal)
			return
		}
		far, err := net.Dial("tcp", target)
		if err != nil || !p.keep(far) {
			return
		}
		defer p.drop(far)
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
			return
		}
		p.calls.Go(func() {
			_, _ = io.Copy(far, conn)
			_ = far.Close()
		})
		_, _ = io.Copy(conn, far)
	})
	return p
}

// The replay needs a new tunnel, which the proxy refuses in its own words.
func TestAProxyThatRefusesTheHiddenReplayHidesNothing(t *testing.T) {
	t.Parallel()
	for _, ending := range endings {
		for _, refusal := range []string{
			"HTTP/1.1 403 Forbidden\r\n\r\n",
			"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
			"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n\r\n",
			"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n",
			"HTTP/1.1 502 net/http: invalid method\r\n\r\n",
			"HTTP/1.1 2",
			"",
		} {
			t.Run(fmt.Sprintf("%s/%.12q", ending.name, refusal), func(t *testing.T) {
				t.Parallel()
				settings, trust := certified()
				var proxy *tunnel
				s := serveTLS(t, settings, func(_ *server, number int) reply {
					if number == 1 {
						return success
					}
					proxy.refusal.Store(&refusal)
					return ending.end
				})
				proxy = newTunnel(t, s.addr)
				client := connect(t, quickConfig(s.url), trust, func(base *http.Transport) {
					base.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: proxy.addr})
				})
				checkHidden(t, s, client)
			})
		}
	}
}

// The account is kept by httptrace, whose hooks may be the caller's as well.
func TestTheCallersOwnTraceStillSeesEachRequestOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, inTurn(success, page(503), reset, success))
	client := connect(t, quickConfig(s.url))
	var asked, got, wrote atomic.Int32
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GetConn:      func(string) { asked.Add(1) },
		GotConn:      func(httptrace.GotConnInfo) { got.Add(1) },
		WroteHeaders: func() { wrote.Add(1) },
	})
	// The second call is sent twice by retry, and a third time by net/http.
	for _, want := range []int32{1, 4} {
		if err := post(ctx, client); err != nil {
			t.Fatal(err)
		}
		if asked.Load() != want || got.Load() != want || wrote.Load() != want {
			t.Errorf("the caller's trace has %d connections asked for, %d got, and %d requests written; want %d of each",
				asked.Load(), got.Load(), wrote.Load(), want)
		}
	}
}

// A call whose context ends while it waits for its next attempt keeps its
// account.
func TestACallThatEndsInAWaitKeepsItsAccount(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		reply reply
		want  bool
	}{
		{"after a 503", document(503), true},
		{"after a reset", reset, true},
		{"after a 429 document", document(429), false},
		{"after a 429 page", page(429), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, always(tt.reply))
			cfg := quickConfig(s.url)
			cfg.InitialRetryDelay, cfg.MaxRetryDelay = time.Hour, time.Hour
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			waiting := middleware.Observe("waits", middleware.ObserverFunc(func(_ context.Context, e transport.Event) {
				if e.Kind == transport.WaitBegan {
					cancel()
				}
			}))
			err := post(ctx, newClient(t, keyed(cfg).PerCall(waiting), s.url, newBase(t, cfg)))
			checkApplied(t, err, tt.want)
			if !errors.Is(err, errs.ErrCanceled) {
				t.Errorf("%v is no CanceledError", err)
			}
		})
	}
}
