package thirdparty_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
)

// quickConfig returns a Config with short waits, for tests in real time.
func quickConfig(url string) middleware.Config {
	cfg := middleware.NewConfig(url, prefactortest.Token)
	cfg.InitialRetryDelay, cfg.MaxRetryDelay = time.Millisecond, 2*time.Second
	return cfg
}

func TestHTTPTest(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*httptest.Server){
		"HTTP/1":          (*httptest.Server).Start,
		"HTTP/1 over TLS": (*httptest.Server).StartTLS,
		"HTTP/2 over TLS": func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := prefactortest.New(prefactortest.WithT(t))
			server := httptest.NewUnstartedServer(fake)
			start(server)
			defer server.Close()
			newRig(t, setup{}, fake, quickConfig(server.URL), server.Client().Transport.(*http.Transport)).record()
		})
	}
}
