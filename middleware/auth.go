package middleware

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// TokenSource gives the token for a request. It must be safe for concurrent
// use, and honour ctx, which carries no [transport.Call]. A [transport.Secret]
// is a source of itself.
type TokenSource interface {
	Token(ctx context.Context) (transport.Secret, error)
}

// AuthOption changes the auth layer.
type AuthOption func(*auth)

// AllowPlainHTTP lets the token travel over plain http to a host that is not a
// loopback address. Whoever sees the network sees the token then.
func AllowPlainHTTP() AuthOption { return func(a *auth) { a.plainHTTP = true } }

// Auth returns the layer "auth", which puts the source's token into the
// Authorization header of requests to origin, and of no others: scheme, host and
// port must be the same, and neither URL.Opaque nor Host may name another host.
// Origin is a URL, of which the path is ignored; it must be https, or http to a
// loopback address, unless [AllowPlainHTTP] is given. An Authorization header
// that the request has already stays.
//
// A source that fails is an [errs.AuthError] with the failure inside; nothing is
// sent then.
//
// Position: once an attempt, so that each has a fresh token; inside all layers
// that must not see it.
func Auth(origin string, source TokenSource, options ...AuthOption) transport.Layer {
	a := &auth{source: source}
	for _, set := range options {
		set(a)
	}
	if err := a.bind(origin); err != nil {
		return transport.RefusedLayer("auth", transport.PerAttempt, err)
	}
	return transport.NewLayerFunc("auth", transport.PerAttempt, a.send).Describe("for " + a.origin.Scheme + "://" + a.origin.Host)
}

type auth struct {
	origin    *url.URL
	source    TokenSource
	plainHTTP bool
}

// bind sets the origin, after checking it and the source.
func (a *auth) bind(origin string) error {
	target, urlErr := transport.ParseAPIURL(origin)
	a.origin = target
	if urlErr == nil && target.Scheme == "http" && !a.plainHTTP && !loopback(target.Hostname()) {
		urlErr = &errs.ClientError{Field: "APIURL", Problem: "is plain http to " + target.Hostname() +
			", where the token could be read on the way: use https, or replace the auth layer by one with AllowPlainHTTP"}
	}
	var sourceErr error
	switch source := a.source.(type) {
	case nil:
		sourceErr = &errs.ClientError{Field: "token source", Problem: "is nil: give a transport.Secret or a TokenSource"}
	case transport.Secret:
		sourceErr = transport.ValidateToken(source)
	}
	return errors.Join(urlErr, sourceErr)
}

func (a *auth) send(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	if !a.covers(req) || req.Header.Get("Authorization") != "" {
		return transport.Send(next, req)
	}
	token, err := a.token(req.Context())
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, &errs.AuthError{APIError: &errs.APIError{}, Cause: err}
	}
	req.Header["Authorization"] = []string{"Bearer " + token.Reveal()}
	return transport.Send(next, req)
}

func (a *auth) token(ctx context.Context) (transport.Secret, error) {
	if token, ok := a.source.(transport.Secret); ok {
		return token, nil
	}
	token, err := a.source.Token(transport.WithoutCall(ctx))
	if err != nil {
		return transport.Secret{}, err
	}
	return token, transport.ValidateToken(token)
}

// covers reports whether a request goes to the origin.
func (a *auth) covers(req *http.Request) bool {
	return req.URL.Opaque == "" &&
		sameOrigin(req.URL, a.origin) &&
		(req.Host == "" || strings.EqualFold(req.Host, req.URL.Host))
}

func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

// port returns a URL's port, the scheme's own if none is given.
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
