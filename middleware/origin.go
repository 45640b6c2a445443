package middleware

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/prefactordev/prefactor-go/errs"
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

// checkProxy returns an error if a request to this machine would go over plain http
// to a proxy on another one.
func (a *auth) checkProxy(req *http.Request) error {
	if a.base == nil || a.base.Proxy == nil || strings.EqualFold(req.URL.Scheme, "https") || !loopback(req.URL.Hostname()) {
		return nil
	}
	proxy, err := a.base.Proxy(req)
	if err != nil || proxy == nil || loopback(proxy.Hostname()) {
		return nil // net/http reports an error when it asks again
	}
	return &errs.ClientError{Field: "Proxy", Problem: "of the base transport is " + errs.Words(proxy.Host) + " for " + req.URL.Host +
		", which is this machine: the proxy could read the token; let Proxy return nil for this address, or use a proxy on this machine"}
}

// proxyFromEnvironment is [http.ProxyFromEnvironment] with this package's notion of
// loopback: no proxy for this machine, however it is written.
func proxyFromEnvironment(req *http.Request) (*url.URL, error) {
	if loopback(req.URL.Hostname()) {
		return nil, nil
	}
	return http.ProxyFromEnvironment(req)
}

// loopback reports whether host is this machine: "localhost", or an IP address of
// the loopback interface. A name below localhost isn't, because a resolver may ask
// others for it.
func loopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
