package middleware

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// TokenSource gives the token for a request: it is asked once an attempt. It
// must be safe for concurrent use, and honour ctx, which carries no
// [transport.Call]. A [transport.Secret] is a source of itself; [TokenFunc],
// [TokenFromFile], [TokenFromEnv] and [RefreshingToken] make others.
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
// What decides is the request as it is when it gets here: from a layer outside
// of auth that sends it to another host the token is withheld, and the request
// goes out without one. A layer inside of auth has the token, and what it does
// with the request is its own affair. Under a plain http.Client that follows
// redirects each hop is decided anew.
//
// If the source is a [Refresher], a request that is answered 401 is sent once
// more with another token, in the same attempt and with the same idempotency
// key; that needs GetBody if it has a body. The second answer stands, and so
// does the 401 if there is no other token, or none with this kind of source.
//
// A source that fails is an [errs.AuthError] with the failure inside, which
// retry doesn't repeat. Nothing is sent then, or nothing after the 401.
//
// The token is in a copy of the request that goes inside: no layer outside finds
// it, in the response's Request either. The layer adds 6 allocations to an
// attempt, and two more with a Refresher.
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
			", where the token could be read on the way: use https or, where the network can be trusted, " +
			`stack.Replace("auth", middleware.Auth(cfg.APIURL, cfg.APIToken, middleware.AllowPlainHTTP()))`}
	}
	var sourceErr error
	switch source := a.source.(type) {
	case nil:
		sourceErr = &errs.ClientError{Field: "token source", Problem: "is nil: give a transport.Secret or a TokenSource"}
	case transport.Secret:
		sourceErr = validateToken(source)
	}
	return errors.Join(urlErr, sourceErr)
}

func (a *auth) send(req *http.Request, next transport.Next) (*http.Response, error) {
	if !a.covers(req) || authorized(req.Header) {
		return next(req)
	}
	token, err := a.token(req.Context())
	if err != nil {
		return unsent(req, &errs.AuthError{APIError: &errs.APIError{}, Cause: err})
	}
	if source, ok := a.source.(Refresher); ok && rewindable(req) {
		return a.sendTwice(req, next, source, token)
	}
	return sendWith(token, req, next)
}

// sendTwice sends req with token and, if that is refused, once more with another
// one.
func (a *auth) sendTwice(req *http.Request, next transport.Next, source Refresher, token transport.Secret) (*http.Response, error) {
	target := *req.URL // a layer inside may lead the request elsewhere
	resp, err := sendWith(token, req, next)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	refusal := transport.Read(req, resp).Err() // frees the connection for the token's sake
	fresh, err := refresh(req.Context(), source, token)
	if err != nil {
		discard(resp)
		return nil, refreshError(refusal, err)
	}
	asked := max(askedWait(refusal), transport.CallFrom(req.Context()).RetryAfter())
	if sameToken(fresh, token) || !mayWait(req.Context(), asked) || rewind(req) != nil {
		return resp, nil
	}
	discard(resp)
	if asked > 0 {
		transport.CallFrom(req.Context()).Notify(transport.Event{Kind: transport.WaitBegan, Layer: "auth", Duration: asked})
	}
	if !sleep(req.Context(), asked) {
		return endWait(req)
	}
	req.URL = &target
	return sendWith(fresh, req, next)
}

// maxRefusalWait is the longest Retry-After of a 401 that is waited for.
const maxRefusalWait = time.Minute

// mayWait reports whether a wait is short enough to be begun.
func mayWait(ctx context.Context, wait time.Duration) bool {
	deadline, limited := ctx.Deadline()
	return wait <= maxRefusalWait && !(limited && time.Until(deadline) <= wait)
}

func askedWait(err error) time.Duration {
	wait, _ := errs.RetryAfter(err)
	return wait
}

// refresh asks source for a token in place of the stale one, and tells the call.
func refresh(ctx context.Context, source Refresher, stale transport.Secret) (transport.Secret, error) {
	began := time.Now()
	fresh, err := source.Refresh(transport.WithoutCall(ctx), stale)
	if err == nil {
		err = validateToken(fresh)
	}
	transport.CallFrom(ctx).Notify(transport.Event{
		Kind: transport.TokenRefreshed, Layer: "auth", Duration: time.Since(began), Err: err,
	})
	return fresh, err
}

// refreshError is the failure of a refresh after the server's refusal.
func refreshError(refusal, cause error) error {
	failure := &errs.AuthError{APIError: &errs.APIError{Status: http.StatusUnauthorized}, Cause: cause}
	if server, ok := errors.AsType[*errs.APIError](refusal); ok {
		failure.APIError = server
	}
	return failure
}

// sendWith sends a copy of req with a token. Req itself, without it, is what the
// layers outside find in the response.
func sendWith(token transport.Secret, req *http.Request, next transport.Next) (*http.Response, error) {
	sent := req.WithContext(req.Context())
	sent.Header = req.Header.Clone()
	sent.Header["Authorization"] = []string{"Bearer " + token.Reveal()}
	resp, err := next(sent)
	if resp != nil {
		resp.Request = req
	}
	return resp, err
}

func (a *auth) token(ctx context.Context) (transport.Secret, error) {
	if token, ok := a.source.(transport.Secret); ok {
		return token, nil
	}
	token, err := a.source.Token(transport.WithoutCall(ctx))
	if err != nil {
		return transport.Secret{}, err
	}
	return token, validateToken(token)
}

// authorized reports whether a header has credentials already, under whatever
// spelling of the name.
func authorized(h http.Header) bool {
	for name := range h {
		if strings.EqualFold(name, "Authorization") {
			return true
		}
	}
	return false
}
