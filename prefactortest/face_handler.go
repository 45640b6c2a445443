package prefactortest

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
)

var _ http.Handler = (*Fake)(nil)

// ServeHTTP answers a request below /api/v1. A reset of the connection, its
// early end and a cut body need a connection that can be hijacked or aborted,
// which every HTTP/1 server has; elsewhere they are a panic with
// [http.ErrAbortHandler].
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client gave up
	}
	conn, _ := r.Context().Value(connKey{}).(int)
	o := f.serve(request{method: r.Method, url: r.URL, header: r.Header.Clone(), body: body, conn: conn})
	if o.wait(r.Context()) != nil {
		panic(http.ErrAbortHandler)
	}
	if o.reset {
		reset(w)
	}
	if o.closed {
		panic(http.ErrAbortHandler) // nothing is written yet, so this closes the connection
	}
	o.write(r.Context(), w)
}

// connKey is where the server faces keep a connection's number.
type connKey struct{}

// numbered gives the connection's number to its requests.
func (f *Fake) numbered(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, int(f.connections.Add(1)))
}

// write brings the outcome to the client.
func (o *outcome) write(ctx context.Context, w http.ResponseWriter) {
	for name, values := range o.fullHeader() {
		w.Header()[name] = values
	}
	w.WriteHeader(o.status)
	if o.plain() {
		w.Write(o.body) // the client may be gone, which is his affair
		return
	}
	controller := http.NewResponseController(w)
	if err := controller.Flush(); err != nil { // a body that is cut at once has a header
		panic(http.ErrAbortHandler)
	}
	if _, err := io.Copy(flushed{w, controller}, o.reader(ctx)); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// flushed sends each write at once.
type flushed struct {
	w          io.Writer
	controller *http.ResponseController
}

func (f flushed) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err == nil {
		err = f.controller.Flush()
	}
	return n, err
}

// reset ends the connection so that the client sees ECONNRESET.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if c, ok := conn.(*tls.Conn); ok {
		conn = c.NetConn()
	}
	switch c := conn.(type) {
	case *net.TCPConn:
		c.SetLinger(0)
	case *pipeConn:
		c.reset()
	}
	conn.Close()
	panic(http.ErrAbortHandler)
}
