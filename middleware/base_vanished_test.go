package middleware_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/transport"
)

// A machine that crashes, a cable that is pulled and a firewall that forgets a
// connection end it without a word. The HTTP/2 of net/http would go on using it.
func TestTheNextAttemptIsNotSentOverAConnectionThatIsGone(t *testing.T) {
	t.Parallel()
	const small, large = 1, 4 << 20
	for _, tt := range []struct {
		name    string
		timeout time.Duration // of an attempt
		body    int
		idle    time.Duration // from the loss to the call
		sends   int           // of the call
	}{
		{"with the default timeout", 30 * time.Second, small, 0, 2},
		{"with a short timeout", 3 * time.Second, small, 0, 2},
		{"with a very short timeout", 300 * time.Millisecond, small, 0, 2},
		{"with a long timeout", time.Hour, small, 0, 2},
		{"without a timeout", 0, small, 0, 2},
		{"with a large body", 30 * time.Second, large, 0, 2},
		{"for long already", 30 * time.Second, small, time.Minute, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				road := newRoad(t)
				cfg := quickConfig("https://127.0.0.1")
				cfg.RequestTimeout = tt.timeout
				base := newBase(t, cfg, road.leads)
				stack := keyed(cfg)
				if tt.timeout == 0 {
					stack = stack.Without("timeout")
				}
				sends := 0
				client := newClient(t, stack.PerAttempt(newLayer("count", func(req *http.Request, next transport.Next) (*http.Response, error) {
					sends++
					return next(req)
				})), cfg.APIURL, base)
				if err := post(t.Context(), client); err != nil {
					t.Fatal(err)
				}

				road.cut()
				time.Sleep(tt.idle)
				sends = 0
				began := time.Now()
				body := map[string]any{"details": map[string]any{"name": strings.Repeat("a", tt.body)}}
				_, err := client.Do(t.Context(), transport.Request{Method: http.MethodPost, Path: "/agent_spans", Body: body})
				if err != nil || sends != tt.sends || road.built.Load() != 2 {
					t.Errorf("after %s: %v; %d attempts, want %d; %d connections in all, want 2",
						time.Since(began), err, sends, tt.sends, road.built.Load())
				}
			})
		})
	}
}

// road leads to a server of HTTP/2 over TLS in the bubble.
type road struct {
	settings *tls.Config // of the client
	conns    chan net.Conn
	built    atomic.Int32 // connections

	mu   sync.Mutex
	lost chan struct{} // closed when the connections until now are lost
	done chan struct{} // closed when the test ends
}

func newRoad(t *testing.T) *road {
	cert := certificate("127.0.0.1", time.Now().Add(24*time.Hour))
	r := &road{
		settings: &tls.Config{RootCAs: poolOf(cert)},
		conns:    make(chan net.Conn),
		lost:     make(chan struct{}),
		done:     make(chan struct{}),
	}
	server := &http.Server{
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}},
		ErrorLog:  log.New(io.Discard, "", 0), // of connections that end
		Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body)
			_, _ = io.WriteString(w, successDocument)
		}),
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.ServeTLS(r, "", "") })
	t.Cleanup(func() {
		close(r.done)
		_ = server.Close()
		serving.Wait()
	})
	return r
}

// leads is an edit of a base transport.
func (r *road) leads(base *http.Transport) {
	base.TLSClientConfig = r.settings
	base.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		r.mu.Lock()
		lost := r.lost
		r.mu.Unlock()
		near, nearEnd := net.Pipe()
		farEnd, far := net.Pipe()
		go r.carry(nearEnd, farEnd, lost)
		go r.carry(farEnd, nearEnd, lost)
		r.built.Add(1)
		select {
		case r.conns <- far:
			return near, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// cut loses the connections until now: nothing arrives any more.
func (r *road) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.lost)
	r.lost = make(chan struct{})
}

// carry brings what is written to one end of a connection to the other.
func (r *road) carry(from, to net.Conn, lost <-chan struct{}) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		select {
		case <-lost:
		default:
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
	}
}

// The road is also the listener at its end.

func (r *road) Accept() (net.Conn, error) {
	select {
	case conn := <-r.conns:
		return conn, nil
	case <-r.done:
		return nil, net.ErrClosed
	}
}

func (r *road) Close() error { return nil }

func (r *road) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443} }
