package prefactortest_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// The end of the bubble fails the test if a goroutine is left waiting.
func TestPipeInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := prefactortest.New(prefactortest.WithT(t))
		p := f.Pipe()
		defer p.Close()
		c := piped(t, p)
		f.Inject(
			prefactortest.On("agent_instances.register").Times(60).Reply(503),
			prefactortest.On("agent_instances.register").ResetAfter(),
		)
		start := time.Now()
		for {
			if a, err := c.send(c.request("POST", "/agent_instance/register", registration)); err == nil && a.status == 200 {
				break
			}
			time.Sleep(time.Minute)
		}
		if took := time.Since(start); took != 61*time.Minute {
			t.Errorf("61 failures with a minute between them took %v", took)
		}
		if i := f.Instances(); len(i) != 1 || !i[0].InsertedAt.Equal(start.Add(time.Hour)) {
			t.Errorf("the fake holds %+v", i)
		}
		if n := f.Connections(); n != 2 {
			t.Errorf("%d connections, want one until the reset and one after it", n)
		}
	})
}

func TestPipeCloseEndsRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := prefactortest.New()
		p := f.Pipe()
		c := piped(t, p)
		f.Inject(prefactortest.On("ping").Hang(), prefactortest.On("ping").Delay(time.Hour))
		done := make(chan error)
		for range 2 {
			go func() {
				_, err := c.send(c.request("GET", "/ping", ""))
				done <- err
			}()
		}
		synctest.Wait()
		start := time.Now()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := <-done; err == nil {
				t.Error("a request got a response after Close")
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("closing took %v", took)
		}
		if err := p.Close(); err != nil {
			t.Errorf("the second Close: %v", err)
		}
	})
}

func TestPipeCloseWaitsForHandlers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan bool)
		f := prefactortest.New(prefactortest.WithObserver(func(prefactortest.Exchange) { <-release }))
		p := f.Pipe()
		c := piped(t, p)
		go c.send(c.request("GET", "/ping", ""))
		synctest.Wait()
		closed := false
		go func() {
			p.Close()
			closed = true
		}()
		synctest.Wait()
		if closed {
			t.Error("Close returned before a handler had ended")
		}
		close(release)
		synctest.Wait()
		if !closed {
			t.Error("Close didn't return after the handler had ended")
		}
	})
}

// Connections dialled while the pipe closes must end.
func TestPipeClosesWhileOthersDial(t *testing.T) {
	t.Parallel()
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			p := prefactortest.New().Pipe()
			dialled := make(chan bool, 1)
			go func() {
				for {
					conn, err := p.DialContext(context.Background(), "tcp", "localhost:80")
					if err != nil {
						return
					}
					select {
					case dialled <- true:
					default:
					}
					go conn.Read(make([]byte, 1)) // until the server closes it
				}
			}()
			<-dialled
			p.Close()
		})
	}
}

func TestClosedPipeRefusesConnections(t *testing.T) {
	t.Parallel()
	p := prefactortest.New().Pipe()
	p.Close()
	_, err := p.DialContext(t.Context(), "tcp", "anywhere:80")
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "dial" || !errors.Is(err, errRefused) {
		t.Errorf("dialling a closed pipe: %v", err)
	}
}

func TestPipeDialHonoursItsContext(t *testing.T) {
	t.Parallel()
	p := prefactortest.New().Pipe()
	defer p.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 {
		if _, err := p.DialContext(ctx, "tcp", "x:1"); !errors.Is(err, context.Canceled) {
			t.Fatalf("dialling with a context that has ended: %v", err)
		}
	}
}

func TestPipeReusesConnections(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	p := f.Pipe()
	defer p.Close()
	c := piped(t, p)
	for range 10 {
		c.get("/ping").must(t)
		c.get("/nowhere").refused(t, 404, "not_found")
	}
	if n := f.Connections(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	for _, x := range f.Journal() {
		if x.Conn != 1 {
			t.Errorf("%v used connection %d", x, x.Conn)
		}
	}
}

// A pipe works with any transport that uses its DialContext.
func TestPipeWithAnotherTransport(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	p := f.Pipe()
	defer p.Close()
	tr := &http.Transport{DialContext: p.DialContext, DisableKeepAlives: true}
	c := client{t: t, rt: tr, url: p.URL, token: prefactortest.Token}
	c.get("/ping").must(t)
	c.get("/ping").must(t)
	if n := f.Connections(); n != 2 {
		t.Errorf("%d connections without keep-alive, want 2", n)
	}
}
