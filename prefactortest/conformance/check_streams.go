package conformance

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// checkStream sends a body in two parts, two hours apart.
func (w *workbench) checkStream() {
	const beginning, rest, apart = "data: one\n\n", "data: two\n\n", 2 * time.Hour
	behind := newGate(rest)
	tr := w.on(&probe{script: func(_ int, req *http.Request) (*http.Response, error) {
		body := struct {
			io.Reader
			io.Closer
		}{io.MultiReader(strings.NewReader(beginning), behind), behind}
		return probeReply(req, 200, "text/event-stream", body, -1), nil
	}})
	opening := time.AfterFunc(apart, func() { close(behind.opened) })
	defer opening.Stop()
	var got [len(beginning)]byte
	l := tr.guard(func(l *landing) {
		l.resp, l.err = tr.rt.RoundTrip(ship(context.Background()))
		if l.resp == nil || l.resp.Body == nil {
			return
		}
		_, l.bodyErr = io.ReadFull(l.resp.Body, got[:])
	})
	if l.resp == nil || l.resp.Body == nil {
		return
	}
	if l.hung || l.took >= apart {
		w.broken(ruleStream, "its beginning arrived after %s, with the rest", l.took)
	}
	l.body, l.bodyErr = io.ReadAll(l.resp.Body)
	if l.bodyErr != nil || string(l.body) != rest {
		w.broken(ruleStream, "its rest, two hours later, is %q and the error %v", l.body, l.bodyErr)
	}
	l.resp.Body.Close()
	tr.end("a stream")
}

// checkSwitching switches protocols.
func (w *workbench) checkSwitching() {
	line := &duplex{Reader: strings.NewReader("")}
	tr := w.on(&probe{script: func(_ int, req *http.Request) (*http.Response, error) {
		resp := probeReply(req, http.StatusSwitchingProtocols, "", line, 0) // as in net/http
		resp.Header = http.Header{"Upgrade": {"probe"}, "Connection": {"Upgrade"}}
		return resp, nil
	}})
	l := tr.guard(func(l *landing) {
		req, err := http.NewRequest(http.MethodGet, layerURL+"/socket", nil)
		if err != nil {
			panic(err)
		}
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "probe")
		l.resp, l.err = tr.rt.RoundTrip(req)
	})
	if l.resp == nil || l.resp.Body == nil {
		return
	}
	if writer, ok := l.resp.Body.(io.Writer); !ok {
		w.broken(ruleSwitching, "it is a %T, which isn't an io.Writer", l.resp.Body)
	} else if n, err := writer.Write([]byte("hello")); n != 5 || err != nil || line.written.String() != "hello" {
		w.broken(ruleSwitching, "%q reached the base as %q, and Write returned %d and the error %v", "hello", line.written.String(), n, err)
	}
	l.resp.Body.Close()
	tr.end("a 101")
}

// A gate is a reader that waits until it is opened or closed.
type gate struct {
	io.Reader
	opened chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newGate(behind string) *gate {
	return &gate{Reader: bytes.NewReader([]byte(behind)), opened: make(chan struct{}), closed: make(chan struct{})}
}

func (g *gate) Read(p []byte) (int, error) {
	select {
	case <-g.opened:
		return g.Reader.Read(p)
	case <-g.closed:
		return 0, http.ErrBodyReadAfterClose
	}
}

func (g *gate) Close() error {
	g.once.Do(func() { close(g.closed) })
	return nil
}

// A duplex is the body of a 101 response.
type duplex struct {
	io.Reader
	written bytes.Buffer
}

func (d *duplex) Write(p []byte) (int, error) { return d.written.Write(p) }
func (d *duplex) Close() error                { return nil }
