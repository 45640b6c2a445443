package middleware_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/transport"
)

// Spellings of hosts, and whether they are this machine for sure.
var hosts = map[string]bool{
	"localhost": true, "LOCALHOST": true, "LocalHost": true, "localhost.": true, "LOCALHOST.": true,
	"127.0.0.1": true, "127.255.255.254": true, "[::1]": true, "[0:0:0:0:0:0:0:1]": true,
	"[::ffff:127.0.0.1]": true, "[::FFFF:7F00:1]": true,

	"sub.localhost": false, "localhost.example": false, "localhost..": false, "127.1": false, "2130706433": false, "0x7f.1": false,
	"127.0.0.1.": false, "[::1%25lo]": false, "0.0.0.0": false, "[::]": false, "10.0.0.1": false, "api.example": false, "127.0.0.1.example": false,
}

func TestTheTokenGoesOverPlainHTTPToThisMachineOnly(t *testing.T) {
	t.Parallel()
	for host, want := range hosts {
		_, err := transport.NewStack(middleware.Auth("http://"+host+":8080", transport.NewSecret("canary"))).RoundTripper(succeeding)
		if (err == nil) != want || err != nil && !errors.Is(err, errs.ErrClient) {
			t.Errorf("%s: %v, want it allowed: %t", host, err, want)
		}
	}
}

// dials is a base that records where it dials to, and gets no connection.
func dials(base *http.Transport) (*http.Transport, *[]string) {
	var to []string
	base.DialContext = func(_ context.Context, _, addr string) (net.Conn, error) {
		to = append(to, addr)
		return nil, &net.OpError{Op: "dial", Err: errors.New("no network")}
	}
	return base, &to
}

func TestNoTokenGoesInPlainToAProxyOnAnotherMachine(t *testing.T) {
	t.Parallel()
	const token = "canary"
	for api, local := range hosts {
		if !local {
			continue
		}
		schemes := []string{"http"}
		if api == "LOCALHOST" { // enough for all schemes
			schemes = append(schemes, "https", "socks5")
		}
		for proxyHost, allowed := range hosts {
			for _, scheme := range schemes {
				proxy, err := url.Parse(scheme + "://user:password@" + proxyHost + ":3128")
				if err != nil {
					t.Fatal(err)
				}
				for name, base := range map[string]*http.Transport{
					"NewBase":                  middleware.NewBase(middleware.NewConfig("", token), func(base *http.Transport) { base.Proxy = http.ProxyURL(proxy) }),
					"a Transport of one's own": {Proxy: http.ProxyURL(proxy)},
				} {
					base, dialed := dials(base)
					cfg := middleware.NewConfig("http://"+api+":8080", token)
					cfg.MaxRetries = 0
					err := read(t.Context(), newClient(t, middleware.Default(cfg), cfg.APIURL, base))
					checkNoToken(t, err)
					switch mistake, refused := errors.AsType[*errs.ClientError](err); {
					case allowed && len(*dialed) == 0:
						t.Errorf("%s, proxy %s: not sent: %v", api, proxy, err)
					case !allowed && (!refused || mistake.Field != "Proxy" || len(*dialed) != 0):
						t.Errorf("%s of %s, proxy %s: dialed %q, %v; want a ClientError", name, api, proxy, *dialed, err)
					}
				}
			}
		}
	}
}

// Where the token doesn't go, or isn't readable, the proxy stays in use.
func TestAProxyIsUsedForAllElse(t *testing.T) {
	t.Parallel()
	proxy := http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.example:3128"})
	for name, row := range map[string]struct {
		url     string
		options []middleware.AuthOption
		foreign bool // the request has its own Authorization
	}{
		"https":                             {url: "https://api.example"},
		"https to this machine":             {url: "https://localhost:8443"},
		"plain http that is allowed":        {url: "http://api.example", options: []middleware.AuthOption{middleware.AllowPlainHTTP()}},
		"a request with its own credential": {url: "http://localhost:8080", foreign: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, dialed := dials(&http.Transport{Proxy: proxy})
			rt := build(t, transport.NewStack(middleware.Auth(row.url, transport.NewSecret("canary"), row.options...)), base)
			req := requestTo(t, http.MethodGet, row.url)
			if row.foreign {
				req.Header.Set("Authorization", "Basic x")
			}
			if _, err := rt.RoundTrip(req); err == nil || len(*dialed) != 1 || (*dialed)[0] != "proxy.example:3128" {
				t.Errorf("dialed %q, %v; want the proxy", *dialed, err)
			}
		})
	}
}

// The environment is read once in a process, so the test runs in one of its own.
func TestTheProxyOfTheEnvironmentIsNotForThisMachine(t *testing.T) {
	t.Parallel()
	const inside = "PREFACTOR_TEST_PROXY_ENVIRONMENT"
	if os.Getenv(inside) == "" {
		self := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		self.Env = append(os.Environ(), inside+"=1", "HTTP_PROXY=http://proxy.example:3128", "HTTPS_PROXY=http://proxy.example:3128", "NO_PROXY=", "http_proxy=", "https_proxy=", "no_proxy=", "REQUEST_METHOD=")
		if text, err := self.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
		return
	}
	base := middleware.NewBase(middleware.NewConfig("", "token"))
	for host, local := range hosts {
		for _, scheme := range []string{"http", "https"} {
			proxy, err := base.Proxy(requestTo(t, http.MethodGet, scheme+"://"+host+":8080"))
			if err != nil || (proxy == nil) != local && host != "[::1%25lo]" {
				t.Errorf("%s://%s: proxy %v, %v; want none: %t", scheme, host, proxy, err, local)
			}
		}
	}
}
