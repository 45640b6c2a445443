package proxies_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// front is a reverse proxy in front of the API, with a port for each protocol.
type front struct {
	*proxy
	plain, secure, http2 string // addresses
}

// newNginx starts nginx in front of api. locations are added to its server.
func newNginx(t *testing.T, api string, locations string) front {
	t.Helper()
	f := front{plain: freePort(t), secure: freePort(t), http2: freePort(t)}
	dir := openDir(t)
	config := filepath.Join(dir, "nginx.conf")
	write(t, filepath.Join(dir, "cert.pem"), testAuthority().pem)
	write(t, config, strings.NewReplacer("DIR", dir, "PLAIN", f.plain, "SECURE", f.secure, "HTTP2", f.http2, "API", api, "LOCATIONS", locations).Replace(`
		daemon off;
		user root;
		worker_processes 1;
		pid DIR/pid;
		error_log stderr crit;
		events { worker_connections 512; }
		http {
			access_log off;
			client_body_temp_path DIR/body;
			proxy_temp_path DIR/proxy;
			fastcgi_temp_path DIR/fastcgi;
			uwsgi_temp_path DIR/uwsgi;
			scgi_temp_path DIR/scgi;
			upstream api {
				server API;
				keepalive 16;
			}
			limit_req_zone all zone=drop:1m rate=1r/m;
			limit_req_zone all zone=many:1m rate=1r/m;
			server {
				listen PLAIN;
				listen SECURE ssl;
				listen HTTP2 ssl http2;
				ssl_certificate DIR/cert.pem;
				ssl_certificate_key DIR/cert.pem;
				proxy_http_version 1.1;
				proxy_set_header Connection "";
				LOCATIONS
				location / { proxy_pass http://api; }
			}
		}`))
	f.proxy = (&proxy{
		t:            t,
		program:      path(t, "nginx"),
		args:         []string{"-p", dir, "-e", "stderr", "-c", config},
		addr:         f.http2,
		reloadSignal: syscall.SIGHUP,
	}).start()
	return f
}
