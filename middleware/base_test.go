package middleware_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestTheBaseKeepsAConnectionForEachOf64Callers(t *testing.T) {
	t.Parallel()
	const callers = 64
	var connections atomic.Int32
	var together sync.WaitGroup // all callers' requests are in flight at once
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		together.Done()
		together.Wait()
		_, _ = io.WriteString(w, `{"details":{"name":"a"}}`)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()

	base := middleware.NewBase(middleware.NewConfig(server.URL, "t"))
	defer base.CloseIdleConnections()
	client, err := transport.NewClient(server.URL, base)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		together.Add(callers)
		var calls sync.WaitGroup
		for range callers {
			calls.Go(func() {
				if _, err := client.Do(t.Context(), transport.Request{Method: http.MethodPost, Path: "/thing"}); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
	}
	if n := connections.Load(); n != callers {
		t.Errorf("5 rounds of %d callers took %d connections", callers, n)
	}
}

func TestTheBaseIsTuned(t *testing.T) {
	t.Parallel()
	cfg := middleware.NewConfig("", "t")
	cfg.ConnectTimeout = 3 * time.Second
	tuned := false
	base := middleware.NewBase(cfg, func(b *http.Transport) { tuned = true; b.MaxConnsPerHost = 7 })
	if !tuned || base.MaxConnsPerHost != 7 {
		t.Error("the tune function had no effect")
	}
	if base.Proxy == nil || !base.ForceAttemptHTTP2 || base.TLSHandshakeTimeout != 3*time.Second {
		t.Errorf("got %+v", base)
	}
}
