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

// LogOption changes the log layer.
type LogOption func(*logger)

// LogHeaders has the headers of these names logged, of the request as it
// reaches the layer and of the answer; without this option none is. Authorization
// and other headers that hold credentials are refused.
func LogHeaders(names ...string) LogOption {
	return func(l *logger) {
		for _, name := range names {
			l.headers = append(l.headers, http.CanonicalHeaderKey(name))
		}
	}
}

// LogBodies has JSON bodies logged, up to limit bytes each, where the logger's
// level is debug or lower; without this option none is. The value of a member
// whose name has one of these in it, in any case, shows as "[redacted]", unless
// it is a number, a boolean or null: token, secret, password, passphrase,
// authorization, bearer, credential, cookie, api_key, access_key, private_key, and
// the names given here. Underscores and hyphens in a name don't count. Whatever else the application puts into payloads shows.
func LogBodies(limit int, redact ...string) LogOption {
	return func(l *logger) {
		l.bodies = limit
		for _, name := range redact {
			l.redact = append(l.redact, plainName(name))
		}
	}
}

// Log returns the layer "log", which writes one record a call: operation,
// method, route, outcome, status, attempts, the waits between them, duration,
// key, and the error if there is one. For a request that is no API call, it has
// the path in place of operation and route. The level says how the call went:
//
//   - info: it succeeded by its first attempt.
//   - warn: it succeeded later, the caller canceled it, or the fault is the
//     caller's own: bad input, not found, a conflict.
//   - error: anything else.
//
// At debug each event of the call is a record too, as an [Observer] is told
// them: attempts, waits, refusals, token refreshes. No record holds a token.
// Nothing is made of a record whose level is off: with a logger that has error
// off the layer adds no allocation to a call, and one that has info on adds 5.
//
// Position: once a call, outside of the layers that refuse calls.
func Log(to *slog.Logger, options ...LogOption) transport.Layer {
	l := &logger{to: to, redact: slices.Clone(alwaysRedacted)}
	for _, set := range options {
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

// credentials are the headers that are never logged.
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
		events.tell(end)
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

// callLine is what a call's record tells beside the call itself.
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

// sent returns the headers and the body of a request, as far as they are asked
// for: before it is sent, for then it belongs to the layers inside.
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

// answer returns the headers and the body of a response, as far as they are
// asked for.
func (l *logger) answer(req *http.Request, resp *http.Response) []slog.Attr {
	if resp == nil {
		return nil
	}
	about := l.header(nil, "answer_header", resp.Header)
	if l.wantsBodies(req.Context()) {
		if body := transport.Read(req, resp).Document(); len(body) > 0 {
			about = append(about, slog.String("answer_body", redactJSON(bytes.NewReader(body), l.bodies, l.redact)))
		}
	}
	return about
}

// event writes the record of one event. The call's end has one of its own.
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
