package thirdparty_test

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
)

// The host is localhost: over plain http the token goes to loopback hosts only.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "api")
	fake := prefactortest.New(prefactortest.WithT(t))
	serveOn(t, "unix", path, &http.Server{Handler: fake})
	cfg := quickConfig("http://localhost")
	base := middleware.NewBase(cfg, func(base *http.Transport) {
		base.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
	})
	newRig(t, setup{}, fake, cfg, base).record()
}

// serveOn serves on an address until the test ends, and returns the address.
func serveOn(t *testing.T, network, address string, server *http.Server) net.Addr {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr()
}
