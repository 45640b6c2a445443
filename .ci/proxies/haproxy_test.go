package proxies_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// newHAProxy starts haproxy in front of api. rules are added to its front end,
// backends to its configuration.
func newHAProxy(t *testing.T, api, rules, backends string) front {
	t.Helper()
	f := front{plain: freePort(t), secure: freePort(t), http2: freePort(t)}
	dir := openDir(t)
	config := filepath.Join(dir, "haproxy.cfg")
	write(t, filepath.Join(dir, "cert.pem"), testAuthority().pem)
	write(t, config, strings.NewReplacer("DIR", dir, "PLAIN", f.plain, "SECURE", f.secure, "HTTP2", f.http2, "API", api, "RULES", rules, "BACKENDS", backends).Replace(`
global
	nbthread 1
	hard-stop-after 1s
defaults
	mode http
	timeout connect 1s
	timeout client 10s
	timeout server 10s
frontend api
	bind PLAIN
	bind SECURE ssl crt DIR/cert.pem alpn http/1.1
	bind HTTP2 ssl crt DIR/cert.pem alpn h2
RULES
	default_backend api
backend api
	server api API
BACKENDS
`))
	f.proxy = (&proxy{
		t:            t,
		program:      path(t, "haproxy"),
		args:         []string{"-W", "-db", "-f", config},
		addr:         f.http2,
		reloadSignal: syscall.SIGUSR2,
	}).start()
	return f
}
