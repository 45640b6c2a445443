package middleware

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// LogOption configures the log layer.
type LogOption func(*logger)

// LogHeaders logs these request and response headers, the request's as they are
// when it reaches the layer. Default none. Authorization, Proxy-Authorization,
// Cookie and Set-Cookie are refused.
func LogHeaders(names ...string) LogOption {
	return func(l *logger) {
		for _, name := range names {
			l.headers = append(l.headers, http.CanonicalHeaderKey(name))
		}
	}
}

// LogBodies logs JSON bodies, up to about limit bytes each, if the logger's
// level is debug or lower. Default none.
//
// A member's value is shown as "[redacted]" if its name contains one of these
// words, in any case and without regard to underscores and hyphens: token,
// secret, password, passphrase, authorization, bearer, credential, cookie,
// api_key, access_key, private_key, and the names in redact. Numbers, booleans
// and null are always shown, and so is everything else that the application
// puts into payloads.
func LogBodies(limit int, redact ...string) LogOption {
	return func(l *logger) {
		l.bodies = limit
		for _, name := range redact {
			l.redact = append(l.redact, plainName(name))
		}
	}
}

// Log returns the layer "log", which writes one record for each call:
// operation, method, route, outcome, status, attempts, the waits between them,
// duration, key, and the error if there is one. For a request that is not an
// API call, it has the path in place of operation and route. The level depends
// on the outcome:
//
//   - info: the first attempt succeeded.
//   - warn: a later attempt succeeded, the caller canceled, or the call was
//     wrong: bad input, not found, a conflict.
//   - error: anything else.
//
// At debug each event of the call is a record too, with what an [Observer]
// gets: attempts, waits, refusals, token refreshes. No record holds a token. A
// record whose level is off is not built: the layer adds no allocation to a
// call if error is off, and 5 if info is on, without the options.
//
// Position: once a call, outside the layers that refuse calls.
func Log(to *slog.Logger, options ...LogOption) transport.Layer {
	l := &logger{to: to, redact: slices.Clone(alwaysRedacted)}
	for i, set := range options {
		if set == nil {
			return transport.RefusedLayer("log", transport.PerCall, nilOption("log", i))
		}
		set(l)
	}
	if err := l.check(); err != nil {
		return transport.RefusedLayer("log", transport.PerCall, err)
	}
	return transport.NewLayerFunc("log", transport.PerCall, l.send)
}

type logger struct {
	to      *slog.Logger
	headers []string // canonical
	bodies  int      // 0 for none
	redact  []string // lower case
}

// credentials are headers that are never logged.
var credentials = []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie"}

func (l *logger) check() error {
	if l.to == nil {
		return &errs.ClientError{Field: "logger", Problem: "is nil: give slog.Default() or another"}
	}
	if l.bodies < 0 {
		return &errs.ClientError{Field: "LogBodies", Problem: "limit must be 0 or more bytes"}
	}
	for _, name := range l.headers {
		if slices.Contains(credentials, name) {
			return &errs.ClientError{Field: "LogHeaders", Problem: "has " + name + ", which holds credentials: leave it out"}
		}
	}
	return nil
}

func (l *logger) send(req *http.Request, next transport.Next) (*http.Response, error) {
	ctx := req.Context()
	if !l.to.Enabled(ctx, slog.LevelError) {
		return next(req)
	}
	began := time.Now()
	line := callLine{method: req.Method, path: req.URL.Path, sent: l.sent(req)}
	var events *watch
	if l.to.Enabled(ctx, slog.LevelDebug) {
		events = watchCall(ctx, ObserverFunc(l.event))
	}
	resp, err := next(req)
	end := callEnded(req, resp, err, time.Since(began))
	if events != nil {
		events.report(end)
	}
	if end.Err == nil && !l.to.Enabled(ctx, slog.LevelWarn) {
		return resp, nil
	}
	call := transport.CallFrom(ctx)
	attempts := call.Attempts()
	if level := levelOf(len(attempts), end.Err); l.to.Enabled(ctx, level) {
		line.answer = l.answer(req, resp)
		l.to.LogAttrs(ctx, level, "prefactor call", line.attrs(call, attempts, end)...)
	}
	return resp, err
}

// callLine is what a call's record has besides the call's own data.
type callLine struct {
	method, path string
	sent, answer []slog.Attr // headers and bodies
}

func (l *callLine) attrs(call *transport.Call, attempts []errs.Attempt, end transport.Event) []slog.Attr {
	all := make([]slog.Attr, 0, 12+len(l.sent)+len(l.answer))
	if call == nil {
		all = append(all, slog.String("method", l.method), slog.String("path", l.path))
	} else {
		all = append(all, slog.String("operation", call.Operation()), slog.String("method", l.method), slog.String("route", call.Route()))
	}
	all = append(all, l.sent...)
	all = append(all, slog.String("outcome", string(errs.KindOf(end.Err))), slog.Duration("duration", end.Duration))
	if end.Status != 0 {
		all = append(all, slog.Int("status", end.Status))
	}
	if len(attempts) > 0 {
		var waits time.Duration
		for _, a := range attempts {
			waits += a.Wait
		}
		all = append(all, slog.Int("attempts", len(attempts)), slog.Duration("waits", waits))
	}
	if key := call.Key(); key != "" {
		all = append(all, slog.String("key", key))
	}
	return append(appendError(all, end.Err), l.answer...)
}

// sent returns the headers and the body of a request that are to be logged. It
// must run before the request is sent, which then belongs to the layers inside.
func (l *logger) sent(req *http.Request) []slog.Attr {
	about := l.header(nil, "request_header", req.Header)
	if l.wantsBodies(req.Context()) && req.GetBody != nil {
		if body, err := req.GetBody(); err == nil {
			about = append(about, slog.String("request_body", redactJSON(body, l.bodies, l.redact)))
			_ = body.Close()
		}
	}
	return about
}

// answer returns the headers and the body of a response that are to be logged.
func (l *logger) answer(req *http.Request, resp *http.Response) []slog.Attr {
	if resp == nil {
		return nil
	}
	about := l.header(nil, "response_header", resp.Header)
	if l.wantsBodies(req.Context()) {
		if body := transport.Read(req, resp).Document(); len(body) > 0 {
			about = append(about, slog.String("response_body", redactJSON(bytes.NewReader(body), l.bodies, l.redact)))
		}
	}
	return about
}

// event writes the record of one event, except for the end of the call, which
// has its own record.
func (l *logger) event(ctx context.Context, e transport.Event) {
	if e.Kind == transport.CallEnded {
		return
	}
	call := transport.CallFrom(ctx)
	about := append(make([]slog.Attr, 0, 12), slog.String("operation", call.Operation()), slog.String("key", call.Key()))
	if e.Layer != "" {
		about = append(about, slog.String("layer", e.Layer))
	}
	if e.Kind != transport.Refused {
		about = append(about, slog.Duration("duration", e.Duration))
	}
	if a := e.Attempt; e.Kind == transport.AttemptEnded {
		about = append(about, slog.Int("attempt", a.Number), slog.String("outcome", string(errs.KindOf(e.Err))), slog.Int("status", a.Status),
			slog.String("reason", a.Reason), slog.Int("sends", a.Sends), slog.Bool("reused", a.Reused))
	}
	l.to.LogAttrs(ctx, slog.LevelDebug, "prefactor "+e.Kind.String(), appendError(about, e.Err)...)
}

func appendError(about []slog.Attr, err error) []slog.Attr {
	if err == nil {
		return about
	}
	return append(about, slog.String("error", err.Error()))
}

// header appends the headers that are to be logged, as a group.
func (l *logger) header(about []slog.Attr, group string, h http.Header) []slog.Attr {
	var found []slog.Attr
	for _, name := range l.headers {
		if values := h[name]; len(values) > 0 {
			found = append(found, slog.String(name, strings.Join(values, ", ")))
		}
	}
	if found == nil {
		return about
	}
	return append(about, slog.GroupAttrs(group, found...))
}

func (l *logger) wantsBodies(ctx context.Context) bool {
	return l.bodies > 0 && l.to.Enabled(ctx, slog.LevelDebug)
}

// levelOf returns the level of a call's record.
func levelOf(attempts int, err error) slog.Level {
	switch errs.KindOf(err) {
	case errs.KindOK:
		if attempts > 1 {
			return slog.LevelWarn
		}
		return slog.LevelInfo
	case errs.KindCanceled, errs.KindClient, errs.KindNotFound, errs.KindValidation, errs.KindConflict:
		return slog.LevelWarn
	}
	return slog.LevelError
}
