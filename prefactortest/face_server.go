package prefactortest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
)

// A Server is a fake that listens on TCP.
type Server struct {
	*Fake
	// URL is the base URL to give to a client, without /api/v1.
	URL string

	endpoint *endpoint
}

// NewServer makes a fake and serves it on a free loopback port until the test
// ends. Faults that are then [Fake.Unfired] fail the test.
func NewServer(t testing.TB, opts ...Option) *Server {
	mustTest("NewServer", t)
	t.Helper()
	server, err := New(append(opts, WithT(t))...).Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server
}

// Listen serves the fake on a TCP address such as 127.0.0.1:8787; port 0
// picks a free port. The caller must close the server.
func (f *Fake) Listen(addr string) (*Server, error) {
	f.made()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("prefactortest: %w", err)
	}
	return &Server{Fake: f, URL: "http://" + l.Addr().String(), endpoint: serveOn(f, l)}, nil
}

// Close breaks off the requests in flight, stops listening, and returns when
// all of the server's goroutines have ended.
func (s *Server) Close() error {
	if s == nil {
		return nil
	}
	return s.endpoint.close()
}

// Shutdown stops listening, waits for the requests in flight until ctx ends,
// and then closes the server.
func (s *Server) Shutdown(ctx context.Context) error {
	if s == nil || s.endpoint == nil {
		return nil
	}
	must(ctx != nil, "Shutdown(nil)", "give a context, or call Close")
	return errors.Join(s.endpoint.server.Shutdown(ctx), s.endpoint.close())
}

// An endpoint is an HTTP server on a listener.
type endpoint struct {
	server *http.Server
	done   sync.WaitGroup // the listener's goroutine and the connections'
}

func serveOn(f *Fake, l net.Listener) *endpoint {
	e := new(endpoint)
	e.server = &http.Server{
		Handler:     f,
		ConnContext: f.numbered,
		ConnState:   e.track,
		ErrorLog:    log.New(io.Discard, "", 0), // errors here are injected
	}
	e.done.Go(func() { e.server.Serve(l) })
	return e
}

// track adds open connections to done.
func (e *endpoint) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		e.done.Add(1)
	case http.StateClosed, http.StateHijacked:
		e.done.Done()
	}
}

// close does nothing for a face that wasn't opened.
func (e *endpoint) close() error {
	if e == nil {
		return nil
	}
	err := e.server.Close()
	e.done.Wait()
	return err
}
