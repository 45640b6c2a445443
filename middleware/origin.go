package middleware

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// covers reports whether a request goes to the origin.
func (a *auth) covers(req *http.Request) bool {
	return req.URL.Opaque == "" &&
		sameOrigin(req.URL, a.origin) &&
		(req.Host == "" || strings.EqualFold(req.Host, req.URL.Host))
}

func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

// port returns a URL's port, or the scheme's default port.
func port(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case strings.EqualFold(u.Scheme, "https"):
		return "443"
	}
	return "80"
}

// loopback reports whether host is this machine.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
