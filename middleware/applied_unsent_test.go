package middleware_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// unsent is a way in which a call fails before any of it is written: while a
// connection is waited for, dialed, tunneled or secured.
type unsent struct {
	name    string
	prepare func(s *unsentSite)
	again   again
}

// again says what the retry layer makes of a failure.
type again int

const (
	either   again = iota // not decided here; the same with and without a key
	repeated              // it may go away: every attempt is made
	final                 // one attempt
)

// unsentSite is what a row of the table prepares for one call. It is set up so
// that a call would go to an API behind TLS at a name that nothing resolves.
type unsentSite struct {
	*testing.T
	cfg    config
	tune   []func(*http.Transport)
	ctx    context.Context
	cancel context.CancelFunc
	before func(base *http.Transport) // the call; may be nil
	server *server                    // that must get no request; may be nil
}

func newUnsentSite(t *testing.T) *unsentSite {
	s := &unsentSite{T: t, cfg: quickConfig("https://api.invalid")}
	s.ctx, s.cancel = context.WithCancel(t.Context())
	t.Cleanup(s.cancel)
	return s
}

func (s *unsentSite) tuned(tune func(*http.Transport)) { s.tune = append(s.tune, tune) }

// to leads the calls to a socket.
func (s *unsentSite) to(scheme string, target *socket) { s.cfg.APIURL = scheme + "://" + target.addr }

// through leads the calls through a proxy.
func (s *unsentSite) through(scheme string, proxy *socket) {
	s.tuned(func(base *http.Transport) { base.Proxy = http.ProxyURL(&url.URL{Scheme: scheme, Host: proxy.addr}) })
}

// expires gives the call a deadline, which passes when cancel is called.
func (s *unsentSite) expires() {
	ctx := newExpiring(s.ctx)
	s.ctx, s.cancel = ctx, ctx.expire
	s.Cleanup(s.cancel)
}

// dial gives the base transport a dialer of the user's.
func (s *unsentSite) dial(dial func(ctx context.Context) (net.Conn, error)) {
	s.tuned(func(base *http.Transport) {
		base.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }
	})
}

// lookup lets the lookup of each host fail.
func (s *unsentSite) lookup(failure net.DNSError) {
	failure.Err, failure.Name = "no address", "api.invalid"
	s.dial(func(context.Context) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &failure}
	})
}

// never is a dial that ends with its context. net/http lets a dial go on when
// the request that wanted it is gone, so it ends with the test as well.
func (s *unsentSite) never(ctx context.Context) (net.Conn, error) {
	select {
	case <-ctx.Done():
	case <-s.Context().Done():
	}
	return nil, errors.New("gave up")
}

// endedWhileDialing is a dial in which the call ends.
func (s *unsentSite) endedWhileDialing(ctx context.Context) (net.Conn, error) {
	s.cancel()
	return s.never(ctx)
}

// endedByThen is a reply that ends the call, and holds the connection until the
// client gives it up.
func (s *unsentSite) endedByThen(conn net.Conn) bool {
	s.cancel()
	return waits(conn)
}

// silent is a socket that makes connections and never says a word.
func (s *unsentSite) silent() *socket { return listen(s.T, func(net.Conn) { <-s.Context().Done() }) }

// afterHello is a socket that reads the beginning of a connection, and then ends
// it.
func (s *unsentSite) afterHello(end reply) *socket {
	return listen(s.T, func(conn net.Conn) {
		if _, err := conn.Read(make([]byte, 4096)); err == nil {
			end(conn)
		}
	})
}

// connectWith is a proxy that answers each CONNECT with text, and then ends the
// connection.
func (s *unsentSite) connectWith(text string, end reply) *socket {
	return listen(s.T, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		_, _ = io.WriteString(conn, text)
		end(conn)
	})
}

// waits is a reply that holds the connection until the client gives it up.
func waits(conn net.Conn) bool {
	_, _ = io.Copy(io.Discard, conn)
	return false
}

// dialing are failures to make a connection.
func dialing() []unsent {
	return []unsent{
		{"connection refused", func(s *unsentSite) {
			s.server = serve(s.T, always(success))
			s.server.refuse()
			s.cfg.APIURL = s.server.url
		}, repeated},
		{"dial timeout", func(s *unsentSite) {
			s.server = serve(s.T, always(success))
			s.cfg.APIURL = s.server.url
			s.cfg.ConnectTimeout = 1
		}, repeated},
		{"dial timeout of an own dialer", func(s *unsentSite) {
			target := s.silent()
			s.dial(func(ctx context.Context) (net.Conn, error) {
				return (&net.Dialer{Timeout: 1}).DialContext(ctx, "tcp", target.addr)
			})
		}, repeated},
		{"own dialer fails in its own words", func(s *unsentSite) {
			s.dial(func(context.Context) (net.Conn, error) { return nil, errors.New("policy: no route to the API") })
		}, either},
		{"no name server", func(s *unsentSite) {
			resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
				return nil, errors.New("no name server")
			}}
			s.dial(func(ctx context.Context) (net.Conn, error) {
				return (&net.Dialer{Resolver: resolver}).DialContext(ctx, "tcp", "api.invalid:443")
			})
		}, either},
		{"host doesn't exist", func(s *unsentSite) { s.lookup(net.DNSError{IsNotFound: true}) }, final},
		{"host can't be found for now", func(s *unsentSite) { s.lookup(net.DNSError{IsNotFound: true, IsTemporary: true}) }, repeated},
		{"name server is busy", func(s *unsentSite) { s.lookup(net.DNSError{IsTemporary: true}) }, repeated},
		{"name server is slow", func(s *unsentSite) { s.lookup(net.DNSError{IsTimeout: true}) }, repeated},
		{"name server fails", func(s *unsentSite) { s.lookup(net.DNSError{}) }, repeated},
		{"port out of range", func(s *unsentSite) { s.cfg.APIURL = "http://127.0.0.1:99999" }, final},
		{"attempt's timeout while dialing", func(s *unsentSite) {
			s.cfg.RequestTimeout = 10 * time.Millisecond
			s.dial(s.never)
		}, repeated},
		{"caller's deadline while dialing", func(s *unsentSite) {
			s.expires()
			s.dial(s.endedWhileDialing)
		}, final},
		{"canceled while dialing", func(s *unsentSite) {
			s.dial(s.endedWhileDialing)
		}, final},
		{"attempt's timeout while waiting for a free connection", func(s *unsentSite) {
			s.cfg.RequestTimeout = 10 * time.Millisecond
			s.occupied()
		}, repeated},
		{"caller's deadline while waiting for a free connection", func(s *unsentSite) {
			s.expires()
			s.occupied()
			s.ctx = httptrace.WithClientTrace(s.ctx, &httptrace.ClientTrace{GetConn: func(string) { s.cancel() }})
		}, final},
		{"canceled while waiting for a free connection", func(s *unsentSite) {
			s.occupied()
			s.ctx = httptrace.WithClientTrace(s.ctx, &httptrace.ClientTrace{GetConn: func(string) { s.cancel() }})
		}, final},
	}
}

// occupied leads the calls to a server that has one connection for them, which
// another request has.
func (s *unsentSite) occupied() {
	taken := make(chan struct{})
	api := serve(s.T, func(*server, int) reply {
		close(taken) // a second request would panic
		return waits
	})
	s.cfg.APIURL = api.url
	s.tuned(func(base *http.Transport) { base.MaxConnsPerHost = 1 })
	s.before = func(base *http.Transport) {
		req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, api.url, nil)
		if err != nil {
			s.Fatal(err)
		}
		api.calls.Go(func() {
			if resp, err := base.RoundTrip(req); err == nil {
				_ = resp.Body.Close()
			}
		})
		api.wait(taken)
	}
}

// alert is a fatal alert of TLS.
func alert(code byte) reply { return cut(string([]byte{21, 3, 3, 0, 2, 2, code})) }

// securing are failures of TLS handshakes.
func securing() []unsent {
	rows := []unsent{
		{"handshake ends in EOF", func(s *unsentSite) { s.to("https", s.afterHello(hangUp)) }, repeated},
		{"handshake ends in a reset", func(s *unsentSite) { s.to("https", s.afterHello(reset)) }, repeated},
		{"handshake isn't begun", func(s *unsentSite) {
			s.to("https", listen(s.T, func(conn net.Conn) { reset(conn) }))
		}, repeated},
		{"handshake is cut", func(s *unsentSite) {
			s.to("https", listen(s.T, func(conn net.Conn) {
				settings, _ := certified()
				_ = tls.Server(&cutConn{conn, 50}, settings).Handshake()
			}))
		}, repeated},
		{"handshake meets garbage", func(s *unsentSite) { s.to("https", s.afterHello(cut("\x00\x01garbage that is no TLS\r\n"))) }, final},
		{"handshake meets plain HTTP", func(s *unsentSite) { s.to("https", s.afterHello(page(400))) }, final},
		{"handshake timeout", func(s *unsentSite) {
			s.cfg.ConnectTimeout = 10 * time.Millisecond
			s.to("https", s.silent())
		}, repeated},
		{"attempt's timeout in the handshake", func(s *unsentSite) {
			s.cfg.RequestTimeout = 10 * time.Millisecond
			s.to("https", s.silent())
		}, repeated},
		{"caller's deadline in the handshake", func(s *unsentSite) {
			s.expires()
			s.to("https", s.afterHello(s.endedByThen))
		}, final},
		{"canceled in the handshake", func(s *unsentSite) {
			s.to("https", s.afterHello(s.endedByThen))
		}, final},
		{"certificate of an unknown authority", func(s *unsentSite) {
			settings, _ := certified()
			s.secured(settings)
		}, final},
		{"certificate of another host", func(s *unsentSite) { s.trusting("other.invalid", time.Now().Add(time.Hour)) }, final},
		{"certificate that has expired", func(s *unsentSite) { s.trusting("127.0.0.1", time.Now().Add(-time.Hour)) }, final},
		{"the server wants a certificate of the client's", func(s *unsentSite) {
			// In TLS 1.3 the server says so after the client's request: that is sent.
			settings, trust := certified()
			settings = settings.Clone()
			settings.ClientAuth, settings.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
			s.tuned(trust)
			s.secured(settings)
		}, final},
		{"no version in common", func(s *unsentSite) {
			settings, trust := certified()
			settings = settings.Clone()
			settings.MinVersion = tls.VersionTLS13
			s.tuned(trust)
			s.tuned(func(base *http.Transport) { base.TLSClientConfig.MaxVersion = tls.VersionTLS12 })
			s.secured(settings)
		}, final},
		{"no protocol in common", func(s *unsentSite) {
			settings, trust := certified()
			settings = settings.Clone()
			settings.NextProtos = []string{"spdy/1"}
			s.tuned(trust)
			s.secured(settings)
		}, final},
		{"own TLS dialer fails in its own words", func(s *unsentSite) {
			s.tuned(func(base *http.Transport) {
				base.DialTLSContext = func(context.Context, string, string) (net.Conn, error) {
					return nil, errors.New("no workload identity")
				}
			})
		}, either},
	}
	ends := func(again again, codes ...byte) {
		for _, code := range codes {
			rows = append(rows, unsent{fmt.Sprintf("handshake ends in alert %d", code),
				func(s *unsentSite) { s.to("https", s.afterHello(alert(code))) }, again})
		}
	}
	ends(repeated, 0, 10, 20, 47, 50, 51, 80, 90)
	ends(final, 40, 42, 43, 44, 45, 46, 48, 49, 70, 71, 112, 116, 120)
	return rows
}

// secured leads the calls to a server with these settings.
func (s *unsentSite) secured(settings *tls.Config) {
	s.server = serveTLS(s.T, settings, always(success))
	s.cfg.APIURL = s.server.url
}

// trusting leads the calls to a server with a certificate that is trusted, but
// for another host or another time.
func (s *unsentSite) trusting(host string, until time.Time) {
	cert := certificate(host, until)
	s.tuned(func(base *http.Transport) { base.TLSClientConfig = &tls.Config{RootCAs: poolOf(cert)} })
	s.secured(&tls.Config{Certificates: []tls.Certificate{cert}})
}

// cutConn is a connection that ends after left bytes were written.
type cutConn struct {
	net.Conn
	left int
}

func (c *cutConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p[:min(len(p), c.left)])
	if c.left -= n; c.left == 0 {
		_ = c.Close()
	}
	return n, err
}

// tunneling are failures of proxies to connect to the API.
func tunneling() []unsent {
	rows := []unsent{
		{"proxy refuses the connection", func(s *unsentSite) {
			proxy := s.silent()
			proxy.refuse()
			s.through("http", proxy)
		}, repeated},
		{"proxy hangs up", func(s *unsentSite) { s.through("http", s.connectWith("", hangUp)) }, repeated},
		{"proxy resets", func(s *unsentSite) { s.through("http", s.connectWith("", reset)) }, repeated},
		{"proxy's answer is cut", func(s *unsentSite) { s.through("http", s.connectWith("HTTP/1.1 200 OK\r\nVia: ", hangUp)) }, repeated},
		{"proxy's answer is garbage", func(s *unsentSite) { s.through("http", s.connectWith("220 mail.invalid\r\n", hangUp)) }, either},
		{"proxy has no reason", func(s *unsentSite) { s.through("http", s.connectWith("HTTP/1.1 403\r\n\r\n", hangUp)) }, either},
		{"attempt's timeout at the proxy", func(s *unsentSite) {
			s.cfg.RequestTimeout = 10 * time.Millisecond
			s.through("http", s.connectWith("", waits))
		}, repeated},
		{"caller's deadline at the proxy", func(s *unsentSite) {
			s.expires()
			s.through("http", s.connectWith("", s.endedByThen))
		}, final},
		{"canceled at the proxy", func(s *unsentSite) {
			s.through("http", s.connectWith("", s.endedByThen))
		}, final},
		{"handshake behind the proxy ends in EOF", func(s *unsentSite) { s.through("http", s.connectWith("HTTP/1.1 200 OK\r\n\r\n", hangUp)) }, repeated},
		{"handshake behind the proxy ends in a reset", func(s *unsentSite) { s.through("http", s.connectWith("HTTP/1.1 200 OK\r\n\r\n", reset)) }, repeated},
		{"handshake behind the proxy meets garbage", func(s *unsentSite) {
			s.through("http", s.connectWith("HTTP/1.1 200 OK\r\n\r\nno TLS at all", hangUp))
		}, either},
		{"attempt's timeout in the handshake behind the proxy", func(s *unsentSite) {
			s.cfg.RequestTimeout = 10 * time.Millisecond
			s.through("http", s.connectWith("HTTP/1.1 200 OK\r\n\r\n", waits))
		}, repeated},
		{"proxy's own handshake ends in EOF", func(s *unsentSite) { s.through("https", s.afterHello(hangUp)) }, repeated},
		{"proxy's certificate isn't trusted", func(s *unsentSite) {
			settings, _ := certified()
			s.through("https", serveTLS(s.T, settings, always(success)).socket)
		}, final},
		{"no proxy can be chosen", func(s *unsentSite) {
			s.tuned(func(base *http.Transport) {
				base.Proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New("bad proxy settings") }
			})
		}, either},
		{"no credentials for the proxy", func(s *unsentSite) {
			s.through("http", s.silent())
			s.tuned(func(base *http.Transport) {
				base.GetProxyConnectHeader = func(context.Context, *url.URL, string) (http.Header, error) {
					return nil, errors.New("no ticket")
				}
			})
		}, either},
		{"own check of the proxy's answer fails", func(s *unsentSite) {
			s.through("http", s.connectWith("HTTP/1.1 200 OK\r\n\r\n", waits))
			s.tuned(func(base *http.Transport) {
				base.OnProxyConnectResponse = func(context.Context, *url.URL, *http.Request, *http.Response) error {
					return errors.New("not our proxy")
				}
			})
		}, either},
	}
	connect := func(name, answer string, again again) {
		rows = append(rows, unsent{"CONNECT is answered " + name, func(s *unsentSite) {
			s.through("http", s.connectWith("HTTP/1.1 "+answer, hangUp))
		}, again})
	}
	connect("301", "301 Moved Permanently\r\nLocation: http://login.invalid/\r\n\r\n", either)
	connect("403", "403 Forbidden\r\n\r\n", either)
	connect("407", "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n", either)
	connect("429 with Retry-After", "429 Too Many Requests\r\nRetry-After: 1\r\n\r\n", either)
	connect("502", "502 Bad Gateway\r\n\r\n", repeated)
	connect("502 with Retry-After", "502 Bad Gateway\r\nRetry-After: 1\r\n\r\n", either)
	connect("503", "503 Service Unavailable\r\n\r\n", repeated)
	connect("503 with Retry-After", "503 Service Unavailable\r\nRetry-After: 1\r\n\r\n", either)
	connect("503 with a page", "503 Service Unavailable\r\nContent-Length: 6\r\nContent-Type: text/html\r\n\r\n<html>", repeated)
	connect("504", "504 Gateway Timeout\r\n\r\n", repeated)

	// A reason phrase is the proxy's to choose. net/http returns it as the text of
	// its error, where it may look like one of net/http's own.
	for _, text := range []string{
		"net/http: invalid method", "net/http: invalid header field value for \"X\"", "unsupported protocol scheme",
		"http: no Host in request URL", "http: nil Request.URL", "http2: invalid Upgrade request header: [\"x\"]",
		"http2: request header list larger than peer's advertised limit", "net/http: TLS handshake timeout", "EOF",
		"context canceled", "http: server closed idle connection",
	} {
		connect("502 "+text, "502 "+text+"\r\n\r\n", repeated)
	}

	// The stages of SOCKS5: choosing a method, credentials, connecting.
	socks := func(name string, again again, answers ...string) {
		rows = append(rows, unsent{"SOCKS: " + name, func(s *unsentSite) {
			s.through("socks5", listen(s.T, func(conn net.Conn) {
				for _, answer := range answers {
					if _, err := conn.Read(make([]byte, 512)); err != nil {
						return
					}
					_, _ = io.WriteString(conn, answer)
				}
			}))
		}, again})
	}
	const chosen, connected = "\x05\x00", "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	for code := byte(1); code <= 9; code++ { // 9 is unassigned
		socks(fmt.Sprintf("refused with code %d", code), either, chosen, "\x05"+string(code)+connected[2:])
	}
	socks("hangs up at once", repeated)
	socks("no method is acceptable", either, "\x05\xff")
	socks("another version", either, "\x04\x00")
	socks("hangs up after the method", repeated, chosen)
	socks("hangs up within its answer", repeated, chosen, connected[:4])
	socks("hangs up in the handshake", repeated, chosen, connected)
	return rows
}

func TestACallOfWhichNothingWasWrittenWasNotApplied(t *testing.T) {
	t.Parallel()
	for _, rows := range [][]unsent{dialing(), securing(), tunneling()} {
		for _, row := range rows {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				with, without := row.call(t, keyed), row.call(t, keyless)
				if with != without {
					t.Errorf("with a key there are %d attempts, without one %d: nothing was written, so both are safe", with, without)
				}
				switch row.again {
				case repeated:
					if with != 3 || without != 3 {
						t.Errorf("there are %d attempts with a key and %d without one, want 3", with, without)
					}
				case final:
					if with != 1 || without != 1 {
						t.Errorf("there are %d attempts with a key and %d without one, want 1", with, without)
					}
				}
			})
		}
	}
}

// call makes one call, and returns how many attempts were made.
func (u unsent) call(t *testing.T, stack func(config) transport.Stack) int {
	t.Helper()
	return len(attempts(t, u.fail(t, stack)))
}

// fail makes one call, and returns its error.
func (u unsent) fail(t *testing.T, stack func(config) transport.Stack) error {
	t.Helper()
	s := newUnsentSite(t)
	u.prepare(s)
	base := newBase(t, s.cfg, s.tune...)
	client := newClient(t, stack(s.cfg), s.cfg.APIURL, base)
	if s.before != nil {
		s.before(base)
	}
	err := post(s.ctx, client)
	checkUnsent(t, err)
	if u.again == repeated && !errors.Is(err, errs.ErrNetwork) {
		t.Errorf("%v is no NetworkError", err)
	}
	if s.server != nil && s.server.count() != 0 {
		t.Errorf("the server read %d requests", s.server.count())
	}
	return err
}

// checkUnsent fails the test unless a call failed of which nothing was written,
// and says so.
func checkUnsent(t testing.TB, err error) {
	t.Helper()
	checkApplied(t, err, false)
	for _, a := range attempts(t, err) {
		if failure, ok := errors.AsType[*errs.NetworkError](a.Err); ok && failure.Sent {
			t.Errorf("attempt %d says that it was sent: %v", a.Number, a.Err)
		}
	}
	if failure, ok := errors.AsType[*errs.NetworkError](err); ok && failure.Sent {
		t.Errorf("the error says that it was sent: %v", err)
	}
}

// The proxy decides: no wait helps against missing credentials, and it says
// itself how long it is busy.
func TestAProxysAnswerToConnectIsHeard(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, answer string
		reason       errs.Reason // why there is no second attempt
	}{
		{"403 is final", "403 Forbidden\r\n\r\n", ""},
		{"407 is final", "407 Proxy Authentication Required\r\n\r\n", ""},
		{"503 asks for a longer wait than is set", "503 Service Unavailable\r\nRetry-After: 1\r\n\r\n", errs.ReasonRetryAfter},
		{"429 asks for a longer wait than is set", "429 Too Many Requests\r\nRetry-After: 1\r\n\r\n", errs.ReasonRetryAfter},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newUnsentSite(t)
			s.through("http", s.connectWith("HTTP/1.1 "+tt.answer, hangUp))
			err := post(s.ctx, connect(t, s.cfg, s.tune...))
			checkUnsent(t, err)
			if n := len(attempts(t, err)); n != 1 {
				t.Errorf("there are %d attempts, want 1", n)
			}
			var reason errs.Reason
			if exhausted, ok := errors.AsType[*errs.RetryExhaustedError](err); ok {
				reason = exhausted.Reason
			}
			if reason != tt.reason {
				t.Errorf("it gave up for the reason %q, want %q", reason, tt.reason)
			}
		})
	}
}

// requests counts what a server of net/http gets.
type requests struct{ atomic.Int32 }

func (r *requests) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.Add(1)
	_, _ = io.Copy(io.Discard, req.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, successDocument)
}

// serveHTTP2 starts a server of net/http that speaks HTTP/2 over TLS, with the
// edit of a base transport that trusts it.
func serveHTTP2(t testing.TB, handler http.Handler, settings func(*http.Server)) (url string, trust func(*http.Transport)) {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.EnableHTTP2 = true
	if settings != nil {
		settings(s.Config)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL, func(base *http.Transport) {
		base.TLSClientConfig = &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	}
}

// A request that HTTP/2 can't carry is a mistake of the caller's. net/http finds
// it when it has a connection already.
func TestARequestThatCanNotBeSentIsNotSent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, header, value string
		plain               bool // HTTP/1 can't carry it either
	}{
		{"Upgrade", "Upgrade", "x", false},
		{"Connection", "Connection", "x", false},
		{"Transfer-Encoding", "Transfer-Encoding", "gzip", false},
		{"header larger than the peer allows", "X-Large", strings.Repeat("x", 20<<10), false},
		{"value with a line end", "X-Note", "a\r\nb", true},
		{"name with a space", "X Note", "a", true},
	} {
		for name, stack := range map[string]func(config) transport.Stack{"with a key": keyed, "without a key": keyless} {
			t.Run(tt.name+"/HTTP/2/"+name, func(t *testing.T) {
				t.Parallel()
				served := new(requests)
				url, trust := serveHTTP2(t, served, func(s *http.Server) { s.MaxHeaderBytes = 8 << 10 })
				cfg := quickConfig(url)
				base := newBase(t, cfg, trust)
				client, wrong := newClient(t, stack(cfg), url, base), newClient(t, stack(cfg).PerCall(setting(tt.header, tt.value)), url, base)
				if tt.header != "X-Large" { // what the peer allows isn't known before its first answer
					checkUnsendable(t, post(t.Context(), wrong))
				}
				if err := post(t.Context(), client); err != nil {
					t.Fatal(err)
				}
				checkUnsendable(t, post(t.Context(), wrong))
				if err := post(t.Context(), client); err != nil {
					t.Errorf("the connection is of no more use: %v", err)
				}
				if n := served.Load(); n != 2 {
					t.Errorf("the server got %d requests, want the two that can be sent", n)
				}
			})
			if tt.plain {
				t.Run(tt.name+"/HTTP/1/"+name, func(t *testing.T) {
					t.Parallel()
					s := serve(t, always(success))
					cfg := quickConfig(s.url)
					base := newBase(t, cfg)
					for _, base := range []http.RoundTripper{base, throughClient{&http.Client{Transport: base}}} {
						client := newClient(t, stack(cfg).PerCall(setting(tt.header, tt.value)), s.url, base)
						checkUnsendable(t, post(t.Context(), client))
					}
					if n := s.count(); n != 0 {
						t.Errorf("the server got %d requests", n)
					}
				})
			}
		}
	}
}

// setting is a layer that sets a header.
func setting(name, value string) transport.Layer {
	return newLayer("setting", func(req *http.Request, next transport.Next) (*http.Response, error) {
		req.Header[name] = []string{value}
		return next(req)
	})
}

func checkUnsendable(t *testing.T, err error) {
	t.Helper()
	checkUnsent(t, err)
	if !errors.Is(err, errs.ErrClient) || errors.Is(err, errs.ErrNetwork) {
		t.Errorf("%v is no ClientError", err)
	}
	if n := len(attempts(t, err)); n != 1 {
		t.Errorf("there are %d attempts, want 1", n)
	}
}
