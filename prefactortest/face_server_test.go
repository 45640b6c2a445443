package prefactortest_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

func TestServer(t *testing.T) {
	t.Parallel()
	s := prefactortest.NewServer(t)
	c := over(t, s)
	for range 5 {
		c.span(c.started(), "active")
	}
	if n := s.Connections(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	if n := len(s.Spans()); n != 5 {
		t.Errorf("the fake holds %d spans, want 5", n)
	}
}

func TestServerEndsWithItsTest(t *testing.T) {
	t.Parallel()
	r := &recorder{TB: t}
	s := prefactortest.NewServer(r)
	s.Inject(prefactortest.On("ping").Times(2).Reply(500))
	at := lineAbove()
	c := over(t, s)
	c.get("/ping")
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
	if _, err := c.send(c.request("GET", "/ping", "")); err == nil {
		t.Error("the server still responds")
	}
	want := `prefactortest: the fault "ping: 2 times, reply 500", injected at ` + at + `, struck 1 of 2 requests; the requests were` +
		"\n\tping 500, fault: ping: 2 times, reply 500"
	if len(r.errors) != 1 || r.errors[0] != want {
		t.Errorf("the test failed with %q, want %q", r.errors, want)
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	s, err := f.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over(t, s).get("/ping").must(t)
	if _, err := f.Listen(strings.TrimPrefix(s.URL, "http://")); err == nil {
		t.Error("a second server listens on the same address")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://")); err == nil {
		conn.Close()
		t.Error("a closed server still listens")
	}
}

func TestCloseEndsAHang(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	s, err := f.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.Inject(prefactortest.On("ping").Hang())
	c := over(t, s)
	done := make(chan error)
	go func() {
		_, err := c.send(c.request("GET", "/ping", ""))
		done <- err
	}()
	if err := f.Wait(t.Context(), func() bool { return len(f.Journal()) == 1 }); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := <-done; err == nil {
		t.Error("a hanging request got a response")
	}
}

func TestShutdownLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	s, err := f.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.Inject(prefactortest.On("ping").Delay(20 * time.Millisecond))
	c := over(t, s)
	done := make(chan error)
	go func() {
		_, err := c.send(c.request("GET", "/ping", ""))
		done <- err
	}()
	if err := f.Wait(t.Context(), func() bool { return len(f.Journal()) == 1 }); err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Errorf("the request ended with %v", err)
	}
}

// The fake is a handler for other servers.
func TestHandlerOverTLS(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	f.Inject(prefactortest.On("agent_instances.register").ResetAfter())
	s := httptest.NewTLSServer(f)
	defer s.Close()
	c := client{t: t, rt: s.Client().Transport, url: s.URL, token: prefactortest.Token}
	if _, err := c.send(c.request("POST", "/agent_instance/register", registration)); !errors.Is(err, errReset) {
		t.Errorf("got %v, want a reset", err)
	}
	c.post("/agent_instance/register", registration).must(t)
}

// HTTP/2 connections can't be hijacked.
func TestHandlerOverHTTP2(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	f.Inject(prefactortest.On("ping").ResetBefore())
	s := httptest.NewUnstartedServer(f)
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	c := client{t: t, rt: s.Client().Transport, url: s.URL, token: prefactortest.Token}
	if _, err := c.send(c.request("POST", "/agent_instance/register", `{}`)); err != nil {
		t.Error(err)
	}
	if _, err := c.send(c.request("GET", "/ping", "")); err == nil {
		t.Error("a reset request got a response")
	}
	resp, err := s.Client().Get(s.URL + "/api/v1/ping")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %s %s without a token", resp.Proto, resp.Status)
	}
}
