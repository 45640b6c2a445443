package middleware_test

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// No wait removes these failures, and each says what does.
func TestAFailureThatNoWaitRemovesIsFinalAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	const (
		address = "check the host and the port of the API URL"
		scheme  = "check the scheme and the port of the API URL"
		refused = "the server refused the TLS handshake"
		proxy   = " of the URL of the proxy"
	)
	plain := func(s *unsentSite) *socket { return s.afterHello(page(400)) }
	settingsFrame := "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"
	for _, tt := range []struct {
		name    string
		prepare func(s *unsentSite)
		advice  string
	}{
		{"https to a port of plain HTTP", func(s *unsentSite) { s.to("https", plain(s)) }, scheme},
		{"https to a port of another protocol", func(s *unsentSite) {
			s.to("https", listen(s.T, func(conn net.Conn) { cut("SSH-2.0-server\r\n")(conn); waits(conn) }))
		}, scheme},
		{"http to a port of TLS", func(s *unsentSite) { s.to("http", s.afterHello(alert(70))) }, scheme},
		{"http to a port of TLS 1.0", func(s *unsentSite) { s.to("http", s.afterHello(cut("\x15\x03\x01\x00\x02\x02\x46"))) }, scheme},
		{"http to a port of HTTP/2", func(s *unsentSite) { s.to("http", s.afterHello(cut(settingsFrame))) }, scheme},
		{"a port out of range", func(s *unsentSite) { s.cfg.APIURL = "http://127.0.0.1:99999" }, address},
		{"an address that its network can't have", func(s *unsentSite) {
			s.dial(func(ctx context.Context) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "tcp6", "127.0.0.1:80")
			})
		}, address},
		{"a host that doesn't exist", func(s *unsentSite) { s.lookup(net.DNSError{IsNotFound: true}) }, address},
		{"a certificate of an unknown authority", func(s *unsentSite) {
			settings, _ := certified()
			s.secured(settings)
		}, "give the base transport your certificate authority"},
		{"a certificate of another host", func(s *unsentSite) { s.trusting("other.invalid", time.Now().Add(time.Hour)) }, "check the host of the API URL"},
		{"a certificate that has expired", func(s *unsentSite) { s.trusting("127.0.0.1", time.Now().Add(-time.Hour)) }, "check the clock"},
		{"a server that wants a certificate of the client's", func(s *unsentSite) {
			settings, trust := certified()
			settings = settings.Clone()
			settings.ClientAuth, settings.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
			s.tuned(trust)
			s.secured(settings)
		}, refused},
		{"a server that speaks old versions only", func(s *unsentSite) {
			settings, trust := certified()
			settings = settings.Clone()
			settings.MaxVersion = tls.VersionTLS11
			s.tuned(trust)
			s.secured(settings)
		}, refused},
		{"a proxy of plain HTTP that is named as one of https", func(s *unsentSite) { s.through("https", plain(s)) }, "the scheme and the port" + proxy},
		{"a proxy of TLS that is named as one of http", func(s *unsentSite) {
			s.through("http", s.afterHello(alert(70)))
		}, scheme + ", and of the proxy if there is one"},
		{"a proxy with a port out of range", func(s *unsentSite) { s.through("http", &socket{addr: "127.0.0.1:99999"}) }, "the host and the port" + proxy},
		{"a proxy whose certificate isn't trusted", func(s *unsentSite) {
			settings, _ := certified()
			s.through("https", serveTLS(s.T, settings, always(success)).socket)
		}, "give the base transport your certificate authority"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for name, stack := range map[string]func(config) transport.Stack{"with a key": keyed, "without a key": keyless} {
				err := unsent{tt.name, tt.prepare, final}.fail(t, stack)
				if n := len(attempts(t, err)); n != 1 || errs.KindOf(err) != errs.KindNetwork || errs.Retryable(err) {
					t.Errorf("%s: %d attempts, kind %s, retryable %t, want 1 attempt, a network error, not retryable: %v",
						name, n, errs.KindOf(err), errs.Retryable(err), err)
				}
				if !strings.Contains(err.Error(), tt.advice) {
					t.Errorf("%s: %v\ndoesn't advise: %s", name, err, tt.advice)
				}
			}
		})
	}
}
