package thirdparty_test

import (
	"net/http"
	"testing"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
)

// h2c is HTTP/2 without TLS.
func TestH2C(t *testing.T) {
	t.Parallel()
	fake := prefactortest.New(prefactortest.WithT(t))
	h2c := new(http.Protocols)
	h2c.SetUnencryptedHTTP2(true)
	versions := make(chan int, len(recordedAttempts(0)))
	addr := serveOn(t, "tcp", "127.0.0.1:0", &http.Server{Protocols: h2c, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		versions <- r.ProtoMajor
		fake.ServeHTTP(w, r)
	})})
	cfg := quickConfig("http://" + addr.String())
	base := middleware.NewBase(cfg, func(base *http.Transport) { base.Protocols = h2c })
	newRig(t, setup{}, fake, cfg, base).record()
	for range cap(versions) {
		if version := <-versions; version != 2 {
			t.Errorf("a request came over HTTP/%d", version)
		}
	}
}
