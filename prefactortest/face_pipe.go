package prefactortest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
)

// A Pipe serves a fake over in-memory connections, with a real [http.Server]
// on one side and, usually, a real [http.Transport] on the other. None of its
// goroutines blocks in a system call, so time advances in a testing/synctest
// bubble as soon as all goroutines wait. Make it in the bubble and close it
// there.
type Pipe struct {
	// URL is the base URL to give to a client: http on localhost.
	URL string

	listener *pipeListener
	endpoint *endpoint
}

// Pipe makes an in-memory face of the fake. The caller must close it.
func (f *Fake) Pipe() *Pipe {
	f.made()
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	return &Pipe{URL: "http://localhost", listener: l, endpoint: serveOn(f, l)}
}

// DialContext connects to the fake, whatever the address. Use it as the
// DialContext of an [http.Transport].
func (p *Pipe) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	if p == nil || p.listener == nil || ctx == nil {
		return nil, dialError(errors.New("the Pipe or the context is nil or empty: call DialContext on one of Fake.Pipe, with a context"))
	}
	if err := context.Cause(ctx); err != nil {
		return nil, dialError(err)
	}
	near, far := newPipeConns()
	select {
	case p.listener.conns <- far:
		return near, nil
	case <-p.listener.closed:
		return nil, dialError(os.NewSyscallError("connect", errRefused))
	case <-ctx.Done():
		return nil, dialError(context.Cause(ctx))
	}
}

func dialError(err error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: pipeAddr{}, Err: err}
}

// Transport makes a transport that dials the pipe. It needn't be closed: its
// goroutines end when the pipe is closed.
func (p *Pipe) Transport() *http.Transport {
	return &http.Transport{DialContext: p.DialContext}
}

// Close breaks off the requests in flight, refuses further connections, and
// returns when all of the server's goroutines have ended.
func (p *Pipe) Close() error {
	if p == nil {
		return nil
	}
	return p.endpoint.close()
}

// A pipeListener passes dialled connections to a server.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "tcp" }
func (pipeAddr) String() string  { return "localhost:80" }

// A pipeConn is one end of a connection that can be reset.
type pipeConn struct {
	net.Conn
	other    net.Conn
	wasReset *atomic.Bool // shared by both ends
}

func newPipeConns() (near, far *pipeConn) {
	a, b := net.Pipe()
	wasReset := new(atomic.Bool)
	return &pipeConn{a, b, wasReset}, &pipeConn{b, a, wasReset}
}

// reset ends the connection so that both ends see ECONNRESET.
func (c *pipeConn) reset() {
	c.wasReset.Store(true)
	c.Conn.Close()
	c.other.Close()
}

func (c *pipeConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	return n, c.explain("read", err)
}

func (c *pipeConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	return n, c.explain("write", err)
}

func (c *pipeConn) explain(op string, err error) error {
	if err != nil && c.wasReset.Load() {
		return connectionReset(op)
	}
	return err
}

// connectionReset is the error that a client gets for a reset.
func connectionReset(op string) error {
	return &net.OpError{Op: op, Net: "tcp", Addr: pipeAddr{}, Err: os.NewSyscallError(op, errReset)}
}
