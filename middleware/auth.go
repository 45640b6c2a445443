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

// TokenSource returns the token for a request; it is called once for each
// attempt. It must be safe for concurrent use and honour ctx, which carries no
// [transport.Call]. A [transport.Secret] is its own source; [TokenFunc],
// [TokenFromFile], [TokenFromEnv] and [RefreshingToken] make others.
type TokenSource interface {
	Token(ctx context.Context) (transport.Secret, error)
}

// AuthOption configures the auth layer.
type AuthOption func(*auth)

// AllowPlainHTTP allows sending the token over plain http to a host that is not
// a loopback address. Anyone on the network path can then read the token.
func AllowPlainHTTP() AuthOption { return func(a *auth) { a.plainHTTP = true } }

// Auth returns the layer "auth", which sets the Authorization header of
// requests to origin to the source's token. A request that already has the
// header keeps it. What the server repeats of the token, whoever set it, is replaced
// by asterisks.
//
// The token goes to origin only: a request must have the same scheme, host and
// port, and its URL.Opaque and Host may not name another host. Any other
// request is sent without a token. The layer decides by the request as it
// arrives here, and for each hop of a redirect that a plain http.Client
// follows. A layer inside auth has the token; where it sends the token is not
// checked. origin is a URL, whose path is ignored; it must be https, or http to
// a loopback address, unless [AllowPlainHTTP] is given. If the base is an
// [http.Transport] with a proxy on another machine for such a loopback address,
// which could read the token, the request is refused with an [errs.ClientError].
//
// If the source is a [Refresher], a request that gets a 401 is sent once more
// with another token, in the same attempt and with the same idempotency key. A
// body needs GetBody for this. The second response is returned. The 401 is
// returned if the source has no other token, the body can't be sent again, or the
// 401 asks for a wait of more than a minute; a shorter one is waited for.
//
// If the source fails, the error is an [errs.AuthError] with the cause inside.
// Retry doesn't repeat it, and nothing is sent, or nothing more after the 401.
//
// Position: once an attempt, so that each attempt gets a current token; inside
// all layers that must not see the token. They don't find it in the response's
// Request either.
func Auth(origin string, source TokenSource, options ...AuthOption) transport.Layer {
	a := &auth{source: source}
	for i, set := range options {
		if set == nil {
			return transport.RefusedLayer("auth", transport.PerAttempt, nilOption("auth", i))
		}
		set(a)
	}
	if err := a.bind(origin); err != nil {
		return transport.RefusedLayer("auth", transport.PerAttempt, err)
	}
	return transport.NewLayerOn("auth", transport.PerAttempt, a.on).Describe("for " + a.origin.Scheme + "://" + a.origin.Host)
}

var errNoSource = &errs.ClientError{Field: "token source", Problem: "is nil: give a transport.Secret or a TokenSource"}

type auth struct {
	origin    *url.URL
	source    TokenSource
	plainHTTP bool

	base *http.Transport // of the stack; nil if it has another kind of base
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
		sourceErr = errNoSource
	case TokenFunc:
		if source == nil {
			sourceErr = errNoSource
		}
	case transport.Secret:
		sourceErr = validateToken(source)
	}
	return errors.Join(urlErr, sourceErr)
}

// on returns the layer's work in a stack, on the layers and the base inside.
func (a *auth) on(inner http.RoundTripper) transport.LayerFunc {
	placed := *a
	placed.base, _ = transport.As[*http.Transport](inner)
	return placed.send
}

func (a *auth) send(req *http.Request, next transport.Next) (*http.Response, error) {
	if credentials, ok := credentialsIn(req.Header); ok {
		resp, err := next(req)
		return withoutEcho(credentials, resp, err)
	}
	if !a.covers(req) {
		return next(req)
	}
	if err := a.checkProxy(req); err != nil {
		return unsent(req, err)
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

// sendTwice sends req with token and, after a 401, once more with another
// token.
func (a *auth) sendTwice(req *http.Request, next transport.Next, source Refresher, token transport.Secret) (*http.Response, error) {
	target := *req.URL // a layer inside may change req.URL
	resp, err := sendWith(token, req, next)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	refusal := transport.Outcome(req, resp, nil) // frees the connection for the replay
	fresh, err := refresh(req.Context(), source, token)
	if err != nil {
		discard(resp)
		return nil, refreshError(refusal, err)
	}
	asked := askedWait(req, refusal)
	if sameToken(fresh, token) || !safeToReplay(req, refusal) || !mayWait(req.Context(), asked) {
		return resp, nil
	}
	if asked > 0 {
		transport.CallFrom(req.Context()).Notify(transport.Event{Kind: transport.WaitBegan, Layer: "auth", Duration: asked})
	}
	if !sleep(req.Context(), asked) || rewind(req) != nil {
		return resp, nil
	}
	discard(resp)
	req.URL = &target
	return sendWith(fresh, req, next)
}

// safeToReplay reports whether a request that got a 401 can be sent again without
// harm: a gateway's 401 doesn't say that the API has not acted.
func safeToReplay(req *http.Request, refusal error) bool {
	return transport.CanRepeat(req) || !transport.CallFrom(req.Context()).MaybeApplied(refusal)
}

// maxRefusalWait is the longest Retry-After of a 401 that the layer waits for.
const maxRefusalWait = time.Minute

// mayWait reports whether a wait is short enough to begin it.
func mayWait(ctx context.Context, wait time.Duration) bool {
	deadline, limited := ctx.Deadline()
	return wait <= maxRefusalWait && !(limited && time.Until(deadline) <= wait)
}

// refresh asks source for a token in place of the stale one, and reports the
// refresh as an event of the call.
func refresh(ctx context.Context, source Refresher, stale transport.Secret) (transport.Secret, error) {
	began := time.Now()
	fresh, err := source.Refresh(transport.WithoutCall(ctx), stale)
	if err == nil {
		err = validateFetched(fresh)
	}
	transport.CallFrom(ctx).Notify(transport.Event{
		Kind: transport.TokenRefreshed, Layer: "auth", Duration: time.Since(began), Err: err,
	})
	return fresh, err
}

// refreshError returns the error for a refresh that failed after a 401.
func refreshError(refusal, cause error) error {
	failure := &errs.AuthError{APIError: &errs.APIError{Status: http.StatusUnauthorized}, Cause: cause}
	if server, ok := errors.AsType[*errs.APIError](refusal); ok {
		failure.APIError = server
	}
	return failure
}

// sendWith sends a copy of req with a token. Layers outside do not find the token
// in what comes back: the response's Request is req itself, and a token that the
// server repeats is replaced.
func sendWith(token transport.Secret, req *http.Request, next transport.Next) (*http.Response, error) {
	sent := req.WithContext(req.Context())
	sent.Header = req.Header.Clone()
	sent.Header["Authorization"] = []string{"Bearer " + token.Reveal()}
	resp, err := next(sent)
	if resp != nil {
		resp.Request = req
	}
	return withoutEcho(token, resp, err)
}

func (a *auth) token(ctx context.Context) (transport.Secret, error) {
	if token, ok := a.source.(transport.Secret); ok {
		return token, nil
	}
	token, err := a.source.Token(transport.WithoutCall(ctx))
	if err != nil {
		return transport.Secret{}, err
	}
	return token, validateFetched(token)
}

// credentialsIn returns the credentials that a header has already, in any spelling
// of its name: the token after the scheme, if there is one.
func credentialsIn(h http.Header) (credentials transport.Secret, ok bool) {
	for name, values := range h {
		if !strings.EqualFold(name, "Authorization") {
			continue
		}
		if parts := strings.Fields(strings.Join(values, " ")); len(parts) == 2 { // others have parameters
			credentials = transport.NewSecret(parts[1])
		}
		return credentials, true
	}
	return credentials, false
}
