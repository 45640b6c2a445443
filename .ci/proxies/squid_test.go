package proxies_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// newSquid starts squid, a forward proxy. rules stand in front of the one that
// allows everything.
func newSquid(t *testing.T, rules string) *proxy {
	t.Helper()
	program := path(t, "squid")
	root := filepath.Join(filepath.Dir(program), "..", "..")
	config, addr := filepath.Join(openDir(t), "squid.conf"), freePort(t)
	write(t, config, strings.NewReplacer("ADDR", addr, "ROOT", root, "RULES", rules).Replace(`
http_port ADDR
visible_hostname proxy.test
RULES
http_access allow all
cache deny all
access_log none
cache_log /dev/null
pid_filename none
netdb_filename none
pinger_enable off
coredump_dir /
shutdown_lifetime 0 seconds
dns_nameservers 127.0.0.1
connect_timeout 1 second
error_directory ROOT/usr/share/squid/errors/en
unlinkd_program ROOT/usr/lib/squid/unlinkd
icon_directory ROOT/usr/share/squid/icons
mime_table ROOT/usr/share/squid/mime.conf
err_page_stylesheet ROOT/etc/squid/errorpage.css
`))
	return (&proxy{
		t:            t,
		program:      program,
		args:         []string{"-N", "-d1", "-f", config},
		addr:         addr,
		reloadSignal: syscall.SIGHUP,
	}).start()
}

// through is an edit of a base transport, which then uses the proxy.
func (p *proxy) through(base *http.Transport) {
	base.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: p.addr})
}
