package proxies_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// api is the fake on a port that it keeps when it goes away and comes back.
type api struct {
	*prefactortest.Fake
	t    *testing.T
	addr string
	tls  *tls.Config // nil for plain HTTP

	server  *http.Server
	serving sync.WaitGroup
}

func newAPI(t *testing.T, settings *tls.Config, options ...prefactortest.Option) *api {
	t.Helper()
	a := &api{Fake: prefactortest.New(append(options, prefactortest.WithT(t), prefactortest.WithJournalLimit(1))...), t: t, addr: freePort(t), tls: settings}
	a.up()
	t.Cleanup(a.down)
	return a
}

// up lets the API listen.
func (a *api) up() {
	a.t.Helper()
	listener, err := net.Listen("tcp", a.addr)
	if err != nil {
		a.t.Fatal(err)
	}
	if a.tls != nil {
		listener = tls.NewListener(listener, a.tls)
	}
	server := &http.Server{Handler: a.Fake, TLSConfig: a.tls, ErrorLog: log.New(io.Discard, "", 0)}
	a.server = server
	a.serving.Go(func() { _ = server.Serve(listener) })
}

// down breaks off the requests in flight, and refuses connections.
func (a *api) down() {
	_ = a.server.Close()
	a.serving.Wait()
}

// freePort returns an address on loopback that nothing listens on. Its port is
// below those that systems give to outgoing connections, so that none of these
// takes it while the listener is away.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10000+mathrand.IntN(20000)))
		if err == nil {
			defer listener.Close()
			return listener.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

// openDir returns a folder that processes with fewer rights can read.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// authority is a certificate for 127.0.0.1 that signs itself.
type authority struct {
	pem  string // the certificate and its key
	cert tls.Certificate
	pool *x509.CertPool
}

var testAuthority = sync.OnceValue(func() authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	cert, err := tls.X509KeyPair(text, text)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert.Leaf)
	return authority{string(text), cert, pool}
})

// trust is an edit of a base transport, which then trusts the certificate.
func (a authority) trust(base *http.Transport) { base.TLSClientConfig = &tls.Config{RootCAs: a.pool} }

// settings are those of a server with the certificate.
func (a authority) settings(protocols ...string) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{a.cert}, NextProtos: protocols}
}
