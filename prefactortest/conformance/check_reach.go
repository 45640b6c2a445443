package conformance

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"strings"

	"github.com/prefactordev/prefactor-go/transport"
)

// checkReach sends the first request. If it doesn't reach the probe, or its
// response can't be read, no other check would prove anything.
func (w *workbench) checkReach() {
	tr := w.on(&probe{script: succeed})
	l := tr.send(ship(context.Background()))
	switch reached := len(tr.probe.seen()) > 0; {
	case l.panicked != nil:
		w.broken(rulePanic, "on the first request the layer panics: %v", l.panicked)
	case !reached && l.err != nil:
		w.broken(ruleReach, "the first request did not, and ended in the error %v: if the layer refuses requests, give it limits "+
			"that are not reached; if it sends by itself, make it use next", l.err)
	case !reached && l.resp != nil:
		w.broken(ruleReach, "the first request did not, and got the response %s: make the layer use next", l.resp.Status)
	case !reached:
		w.broken(ruleReach, "the first request did not")
	case errors.Is(l.bodyErr, context.Canceled):
		w.broken(ruleReadable, "reading the body of the first response fails with %q: cancel what is derived from the request's context "+
			"when the body is closed, not when RoundTrip returns", l.bodyErr)
	}
	tr.end("the first request")
}

// checkSockets looks for connections of the layer's own.
func (tr *trial) checkSockets() {
	if !inSocket(tr.strays()) {
		return
	}
	tr.broken(ruleReach, "the layer uses a socket: make it send with next, also what it sends of its own")
	closeSockets(tr.rt, tr.strays)
	tr.probe.closed() // by closeSockets
}

// inSocket reports whether one of the goroutines waits for a socket.
func inSocket(strays []string) bool {
	return slices.ContainsFunc(strays, func(function string) bool { return strings.HasPrefix(function, "internal/poll.") })
}

// closeSockets closes the connections that a layer or a stack has made in a
// bubble, as far as it can. They would stop the bubble's clock, and panic if they
// were used outside.
func closeSockets(rt http.RoundTripper, strays func() []string) {
	for range 200 { // a connection that was just used becomes idle a little later
		transport.CloseIdleConnections(rt)
		transport.CloseIdleConnections(http.DefaultTransport)
		if !inSocket(strays()) {
			return
		}
		runtime.Gosched()
	}
}
