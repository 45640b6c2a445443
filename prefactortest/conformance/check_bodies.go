package conformance

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/prefactordev/prefactor-go/transport"
)

// checkOnce sends a request without GetBody.
func (w *workbench) checkOnce() {
	for name, script := range map[string]answerer{"503": always(503), "an error": breakOff} {
		tr := w.on(&probe{script: script})
		req := ship(context.Background())
		req.GetBody = nil
		tr.send(req)
		tr.end(name + " without GetBody")
		switch seen := tr.probe.seen(); {
		case len(seen) > 1:
			w.broken(ruleReplay, "a body without GetBody was sent %d times", len(seen))
		case len(seen) == 1 && seen[0].bodyErr != nil:
			w.broken(ruleReplay, "a body without GetBody can't be read: %v", seen[0].bodyErr)
		}
	}
}

// checkRefusals sends requests that a layer may refuse.
func (w *workbench) checkRefusals() {
	for _, tt := range []struct {
		name string
		text string
		edit func(*http.Request)
	}{
		{"two keys that differ", `{"idempotency_key":"the-bodys-key"}`, func(req *http.Request) { req.Header.Set(transport.KeyHeader, "the-header's-other-key") }},
		{"a key that is too long", layerBody, func(req *http.Request) { req.Header.Set(transport.KeyHeader, strings.Repeat("k", 300)) }},
		{"a GetBody that fails", layerBody, func(req *http.Request) { req.GetBody = func() (io.ReadCloser, error) { return nil, errProbe } }},
		{"another host", layerBody, func(req *http.Request) { req.URL.Host, req.Host = "elsewhere.example", "elsewhere.example" }},
		{"https", layerBody, func(req *http.Request) { req.URL.Scheme = "https" }},
		{"another path", layerBody, func(req *http.Request) { req.URL.Path = "/" }},
		{"a long query", layerBody, func(req *http.Request) { req.URL.RawQuery = strings.Repeat("q", 16<<10) }},
		{"another method", layerBody, func(req *http.Request) { req.Method = http.MethodDelete }},
		{"a method of its own", layerBody, func(req *http.Request) { req.Method = "PROBE" }},
		{"an empty header", layerBody, func(req *http.Request) { clear(req.Header) }},
		{"another media type", "a text", func(req *http.Request) { req.Header.Set("Content-Type", "text/plain") }},
		{"a body of unknown length", layerBody, func(req *http.Request) { req.ContentLength = -1 }},
		{"a large body", `{"filler":"` + strings.Repeat("x", 2<<20) + `"}`, func(*http.Request) {}},
	} {
		tr := w.on(&probe{script: first(1, 503)})
		req := shipText(context.Background(), tt.text)
		tt.edit(req)
		l := tr.send(req)
		tr.end(tt.name)
		tr.checkEither(tt.name, l)
	}
}

// checkFailures makes many requests fail, so that a layer that counts failures
// may begin to refuse.
func (w *workbench) checkFailures() {
	const failures = 50
	for name, script := range map[string]answerer{"many 503s": always(503), "many errors": breakOff} {
		tr := w.on(&probe{script: script})
		for range failures {
			tr.checkEither(name, tr.send(ship(context.Background())))
		}
		tr.end(name)
	}
}
