package prefactortest

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
)

var _ http.Handler = (*Fake)(nil)

// ServeHTTP serves a request below /api/v1. Resets, closed connections and cut
// bodies abort the handler: it panics with [http.ErrAbortHandler]. A reset
// needs a connection that can be hijacked, as those of HTTP/1 servers can; on
// others it only aborts.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.made()
	must(w != nil && r != nil && r.URL != nil, "ServeHTTP(nil)", "give a response writer and a request with a URL, such as those of httptest")
	body, err := readBody(r.Context(), r)
	if err != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
	conn, _ := r.Context().Value(connKey{}).(int)
	d := f.serve(request{method: r.Method, url: r.URL, header: r.Header.Clone(), body: body, conn: conn})
	if d.wait(r.Context()) != nil {
		panic(http.ErrAbortHandler)
	}
	if d.reset {
		reset(w)
	}
	if d.closed {
		panic(http.ErrAbortHandler) // nothing is written yet, so this closes the connection
	}
	d.write(r.Context(), w)
}

// connKey is the context key of a connection's number.
type connKey struct{}

// numbered numbers a new connection, for the context of its requests.
func (f *Fake) numbered(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, int(f.connections.Add(1)))
}

// write sends the response.
func (d *delivery) write(ctx context.Context, w http.ResponseWriter) {
	for name, values := range d.fullHeader() {
		w.Header()[name] = values
	}
	w.WriteHeader(d.status)
	if d.plain() {
		w.Write(d.body) // an error means that the client has gone
		return
	}
	controller := http.NewResponseController(w)
	if err := controller.Flush(); err != nil { // also sends the header of a body that is cut at once
		panic(http.ErrAbortHandler)
	}
	if _, err := io.Copy(flushed{w, controller}, d.reader(ctx)); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// flushed flushes after each write.
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
