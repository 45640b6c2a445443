package middleware_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/transport"
)

// The files applied_*_test.go judge whether a failed call tells the truth about
// what it may have left behind: errs.MaybeApplied, and retry's decision about
// calls without an idempotency key.
//
// They go through the public API and over sockets of the loopback interface,
// because what they ask about happens below the stack: in the connection pool,
// the handshakes and the hidden replays of net/http. The servers are written by
// hand, since one of net/http is too well-behaved.
//
// This file has what they share. The next few functions are the only ones that
// know where the configuration and the base transport live.

type config = middleware.Config

// quickConfig is a configuration with two retries after short waits.
func quickConfig(url string) config {
	cfg := middleware.NewConfig(url, "token")
	cfg.MaxRetries = 2
	cfg.InitialRetryDelay = time.Millisecond
	cfg.MaxRetryDelay = 5 * time.Millisecond
	return cfg
}

// newBase returns the base transport of a configuration. It gives up its idle
// connections when the test ends.
func newBase(t testing.TB, cfg config, tune ...func(*http.Transport)) *http.Transport {
	base := middleware.NewBase(cfg, tune...)
	t.Cleanup(base.CloseIdleConnections)
	return base
}

// newLayer returns a layer that can stand anywhere and does its work in do.
func newLayer(name string, do transport.LayerFunc) transport.Layer {
	return transport.NewLayerFunc(name, transport.Anywhere, do)
}

// keyed is the default stack, keyless the same without generated idempotency
// keys.
func keyed(cfg config) transport.Stack { return middleware.Default(cfg) }

func keyless(cfg config) transport.Stack { return middleware.Default(cfg).Without("idempotency") }

// connect returns a client over the default stack and its base transport.
func connect(t testing.TB, cfg config, tune ...func(*http.Transport)) *transport.Client {
	t.Helper()
	return newClient(t, keyed(cfg), cfg.APIURL, newBase(t, cfg, tune...))
}

// post makes a call that leaves a step behind where it is carried out.
func post(ctx context.Context, client *transport.Client, options ...transport.Option) error {
	_, err := client.Do(ctx, transport.Request{Method: http.MethodPost, Path: "/agent_spans", Body: map[string]any{"details": map[string]any{"name": "step"}}}, options...)
	return err
}

// checkApplied fails the test unless a call failed and errs.MaybeApplied says
// want about it.
func checkApplied(t testing.TB, err error, want bool) {
	t.Helper()
	switch got := errs.MaybeApplied(err); {
	case err == nil:
		t.Error("the call succeeded, want an error")
	case got && !want:
		t.Errorf("MaybeApplied is true, but the server can't have carried the call out: %v", err)
	case !got && want:
		t.Errorf("MaybeApplied is false, but the server may have carried the call out: %v", err)
	}
}

// attempts returns the attempts of a failed call.
func attempts(t testing.TB, err error) []errs.Attempt {
	t.Helper()
	failure, ok := errors.AsType[*errs.Error](err)
	if !ok {
		t.Errorf("%v is no *errs.Error", err)
		return nil
	}
	return failure.Attempts
}

// expiring is a context whose deadline passes when the test says so.
type expiring struct {
	context.Context
	done   chan struct{}
	expire func() // lets the deadline pass; may be called more than once
}

func newExpiring(ctx context.Context) *expiring {
	e := &expiring{Context: ctx, done: make(chan struct{})}
	e.expire = sync.OnceFunc(func() { close(e.done) })
	return e
}

// Deadline returns one that is far off, so that it isn't foreseen.
func (e *expiring) Deadline() (time.Time, bool) { return time.Now().Add(time.Hour), true }

func (e *expiring) Done() <-chan struct{} { return e.done }

func (e *expiring) Err() error {
	select {
	case <-e.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// socket is a listener on the loopback interface. It closes every connection
// when the test ends.
type socket struct {
	addr     string
	listener net.Listener
	done     chan struct{} // closed when the test ends

	mu    sync.Mutex
	conns map[net.Conn]bool // nil once the test has ended
	calls sync.WaitGroup
}

// listen hands each connection to serve, on a goroutine of its own, and closes
// it afterwards.
func listen(t testing.TB, serve func(conn net.Conn)) *socket {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &socket{addr: listener.Addr().String(), listener: listener, done: make(chan struct{}), conns: make(map[net.Conn]bool)}
	t.Cleanup(s.close)
	// A connection that stays open keeps the port: no other listener gets it
	// after refuse.
	near, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s.keep(near)
	s.keep(far)
	s.calls.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if s.keep(conn) {
				s.calls.Go(func() {
					defer s.drop(conn)
					serve(conn)
				})
			}
		}
	})
	return s
}

// refuse closes the listener: further connections are refused.
func (s *socket) refuse() { _ = s.listener.Close() }

// keep holds a connection until the test ends. It reports whether that is still
// to come.
func (s *socket) keep(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		_ = conn.Close()
		return false
	}
	s.conns[conn] = true
	return true
}

func (s *socket) drop(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

func (s *socket) close() {
	s.refuse()
	close(s.done)
	s.mu.Lock()
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.conns = nil
	s.mu.Unlock()
	s.calls.Wait()
}

// wait returns when c is closed, or the test has ended.
func (s *socket) wait(c <-chan struct{}) {
	select {
	case <-c:
	case <-s.done:
	}
}

// server is an API by hand. It reads requests whole, notes each, and ends it as
// its script says.
type server struct {
	*socket
	url string

	mu   sync.Mutex
	keys []string // of the requests that were read, in their order
}

// script says how each request ends. Requests have numbers, 1 for the first,
// whatever connection they come over.
type script func(s *server, number int) reply

// reply ends a request. It reports whether its connection stays open.
type reply func(conn net.Conn) bool

// serve starts a server that speaks HTTP/1 in plain text.
func serve(t testing.TB, script script) *server {
	t.Helper()
	return serveOver(t, func(conn net.Conn) net.Conn { return conn }, "http://", script)
}

// serveTLS starts a server that speaks HTTP/1 over TLS.
func serveTLS(t testing.TB, settings *tls.Config, script script) *server {
	t.Helper()
	return serveOver(t, func(conn net.Conn) net.Conn { return tls.Server(conn, settings) }, "https://", script)
}

func serveOver(t testing.TB, over func(net.Conn) net.Conn, scheme string, script script) *server {
	t.Helper()
	s := new(server)
	ready := make(chan struct{})
	s.socket = listen(t, func(conn net.Conn) {
		<-ready
		conn = over(conn)
		in := bufio.NewReader(conn)
		for {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				return
			}
			if !script(s, s.note(req.Header.Get(transport.KeyHeader)))(conn) {
				_ = conn.Close()
				return
			}
		}
	})
	s.url = scheme + s.addr
	close(ready)
	return s
}

// note adds a request that was read, and returns its number.
func (s *server) note(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, key)
	return len(s.keys)
}

// count returns how many requests were read.
func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys)
}

// checkOneKey fails the test if the requests from number first on have different
// idempotency keys, or none.
func (s *server) checkOneKey(t testing.TB, first int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.keys[first-1:] {
		if key == "" || key != s.keys[first-1] {
			t.Errorf("one call was sent with the keys %q", s.keys[first-1:])
			return
		}
	}
}

// always is the script that ends each request in the same way.
func always(r reply) script { return func(*server, int) reply { return r } }

// inTurn is the script that ends the first request with the first reply, and so
// on. Further ones end with the last.
func inTurn(replies ...reply) script {
	return func(_ *server, number int) reply { return replies[min(number, len(replies))-1] }
}

// answer writes a whole response. Header lines are added to it as they are.
func answer(status int, contentType, body string, header ...string) reply {
	return func(conn net.Conn) bool {
		text := fmt.Sprintf("HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
		if status != http.StatusNoContent && status != http.StatusNotModified { // these have no body
			text += fmt.Sprintf("Content-Length: %d\r\n", len(body))
			if body != "" {
				text += "Content-Type: " + contentType + "\r\n"
			}
		} else {
			body = ""
		}
		for _, line := range header {
			text += line + "\r\n"
		}
		_, err := io.WriteString(conn, text+"\r\n"+body)
		return err == nil
	}
}

const (
	successDocument = `{"status":"success"}`
	errorDocument   = `{"status":"error","code":"some_code","message":"no"}`
)

// success is the API's answer to a call that it has carried out, document its
// own refusal, and page what a gateway says.
var success = answer(http.StatusOK, "application/json", successDocument)

func document(status int, header ...string) reply {
	return answer(status, "application/json", errorDocument, header...)
}

func page(status int, header ...string) reply {
	return answer(status, "text/html", "<html><title>gateway</title></html>", header...)
}

// reset ends the connection with a TCP reset, hangUp with a FIN, and cut with a
// FIN after it has written text.
func reset(conn net.Conn) bool {
	if over, ok := conn.(*tls.Conn); ok {
		conn = over.NetConn()
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
	return false
}

func hangUp(net.Conn) bool { return false }

func cut(text string) reply {
	return func(conn net.Conn) bool {
		_, _ = io.WriteString(conn, text)
		return false
	}
}

// refusing is what r does, with the server's listener closed before.
func (s *server) refusing(r reply) reply {
	return func(conn net.Conn) bool {
		s.refuse()
		return r(conn)
	}
}

// anyStatus is every status between 300 and 499 that a gateway or the API may
// answer with.
var anyStatus = []int{
	301, 302, 303, 304, 307, 308,
	400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418,
	421, 422, 423, 424, 425, 426, 428, 429, 431, 451,
}

// certified returns the settings of a TLS server at 127.0.0.1, and the edit with
// which a base transport trusts it.
var certified = sync.OnceValues(func() (*tls.Config, func(*http.Transport)) {
	cert := certificate("127.0.0.1", time.Now().Add(time.Hour))
	return &tls.Config{Certificates: []tls.Certificate{cert}},
		func(base *http.Transport) { base.TLSClientConfig = &tls.Config{RootCAs: poolOf(cert)} }
})

// poolOf is the pool in which a certificate is trusted.
func poolOf(cert tls.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(cert.Leaf)
	return pool
}

// certificate makes a certificate for a host that signs itself.
func certificate(host string, until time.Time) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             until.Add(-48 * time.Hour),
		NotAfter:              until,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
