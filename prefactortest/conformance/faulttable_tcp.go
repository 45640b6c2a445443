package conformance

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/prefactortest"
)

// runTCP runs the rows that need sockets, with waits of milliseconds.
func (s *suite) runTCP(t *testing.T) {
	for name, fault := range map[string]prefactortest.Fault{
		"before": prefactortest.On(spanCreate).ResetBefore(),
		"after":  prefactortest.On(spanCreate).ResetAfter(),
	} {
		t.Run("TCP reset on a fresh connection "+name+" the commit", func(t *testing.T) { s.resetFresh(t, fault) })
		t.Run("TCP reset on a reused connection "+name+" the commit", func(t *testing.T) { s.resetReused(t, fault) })
	}
	t.Run("TCP connection refused", s.refuseConnection)
	for _, host := range []string{"localhost", "127.0.0.1"} {
		t.Run("TCP redirect to another server at "+host, func(t *testing.T) { s.redirect(t, host) })
	}
}

// tcpRig builds the stack under test for a server on TCP.
func (s *suite) tcpRig(t *testing.T) (*prefactortest.Server, *rig) {
	t.Helper()
	server, err := s.fake(t).Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	return server, s.rig(t, server.Fake, server.URL, base, milliseconds)
}

// resetFresh resets the connection of the first call.
func (s *suite) resetFresh(t *testing.T, fault prefactortest.Fault) {
	server, r := s.tcpRig(t)
	server.Inject(fault)
	err := r.create(t.Context())
	if err != nil && !s.ownRetry {
		broken(t, holdsRepeats, of(spanCreate, server.Journal()), "the call failed: %v", err)
	}
	r.checkInvariants(t, err)
}

// resetReused resets a connection that has served a call before.
func (s *suite) resetReused(t *testing.T, fault prefactortest.Fault) {
	server, r := s.tcpRig(t)
	if err := r.create(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.Inject(fault)
	// net/http may resend the request by itself. Only the server sees that.
	err := r.create(t.Context())
	journal := of(spanCreate, server.Journal())
	if err != nil && !s.ownRetry {
		broken(t, holdsRepeats, journal, "the call failed: %v", err)
	}
	last := journal[len(journal)-1]
	if !s.hedged && !s.ownRetry && (last.Attempt != 2 || last.Status/100 != 2) {
		broken(t, holdsKey, journal, "the last request isn't a success with the first one's key")
	}
	n := len(server.Spans())
	switch {
	case err == nil && n != 2, n > 2:
		broken(t, holdsOnce, journal, "two calls created %d spans", n)
	case err != nil && n == 2 && !errs.MaybeApplied(err):
		broken(t, holdsOnce, journal, "MaybeApplied is false, but the span was created: %v", err)
	}
}

// refuseConnection makes a call to an address without a listener.
func (s *suite) refuseConnection(t *testing.T) {
	server, r := s.tcpRig(t)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	err := r.create(t.Context())
	for _, want := range []error{errs.ErrExhausted, errs.ErrNetwork} {
		if !errors.Is(err, want) && !s.owns(want) {
			broken(t, holdsRepeats, nil, "the connection was refused, and the error doesn't match %q: %v", want, err)
		}
	}
	if errs.MaybeApplied(err) {
		broken(t, holdsOnce, nil, "MaybeApplied is true, but the connection was refused: %v", err)
	}
	r.checkInvariants(t, err)
}

// redirect redirects a call to another server at host.
func (s *suite) redirect(t *testing.T, host string) {
	var visits atomic.Int32
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// An httptest.Server would close connections of http.DefaultTransport, which may
	// be of a bubble.
	other := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) })}
	go func() { _ = other.Serve(listener) }()
	defer other.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	server, r := s.tcpRig(t)
	server.Inject(prefactortest.On(spanCreate).Redirect(307, "http://user:pw@"+host+":"+port+"/elsewhere?token=hidden"))
	err = r.create(t.Context())
	text := fmt.Sprint(err)
	if !errors.Is(err, errs.ErrContract) || !strings.Contains(text, "http://"+host+":"+port+"/elsewhere") {
		broken(t, holdsRedirect, of(spanCreate, server.Journal()), "the error doesn't name the target: %v", err)
	}
	if strings.Contains(text, "hidden") || strings.Contains(text, "pw") {
		broken(t, holdsToken, of(spanCreate, server.Journal()), "the error shows the redirect's query or userinfo: %v", err)
	}
	if n := visits.Load(); n != 0 {
		broken(t, holdsRedirect, of(spanCreate, server.Journal()), "a redirect was followed %d times", n)
	}
	r.checkInvariants(t, err)
}
