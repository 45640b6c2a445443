package conformance

import (
	"context"
	"io"
	"strings"

	"github.com/prefactordev/prefactor-go/transport"
)

// checkClosed looks for open bodies, those of s (unless nil) and of all
// responses.
func (tr *trial) checkClosed(on string, s *shipment) {
	if s != nil && s.open() > 0 {
		tr.broken(ruleRequestBody, "on %s %d of %d are open", on, s.open(), len(s.bodies))
	}
	if n := tr.probe.open(); n > 0 {
		tr.broken(ruleAnswerBody, "on %s %d of %d are open", on, n, len(tr.probe.bodies))
	}
}

// checkOnce sends a request without GetBody.
func (w *workbench) checkOnce() {
	for name, script := range map[string]answerer{"503": always(503), "an error": breakOff} {
		tr := w.on(&probe{script: script})
		s := ship(context.Background())
		s.GetBody = nil
		tr.send(s)
		tr.end()
		tr.checkClosed(name+" without GetBody", s)
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
	for name, edit := range map[string]func(*shipment){
		"two keys that differ": func(s *shipment) {
			s.Header.Set(transport.KeyHeader, "the-header's-other-key")
			s.rebody(`{"idempotency_key":"the-bodys-key"}`)
		},
		"a key that is too long": func(s *shipment) { s.Header.Set(transport.KeyHeader, strings.Repeat("k", 300)) },
		"a GetBody that fails":   func(s *shipment) { s.GetBody = func() (io.ReadCloser, error) { return nil, errProbe } },
		"another host":           func(s *shipment) { s.URL.Host, s.Host = "elsewhere.example", "elsewhere.example" },
	} {
		tr := w.on(&probe{script: first(1, 503)})
		s := ship(context.Background())
		edit(s)
		l := tr.send(s)
		tr.end()
		tr.checkClosed(name, s)
		if l.resp != nil && l.err != nil || l.resp == nil && l.err == nil {
			w.broken(ruleEither, "on %s the response is %v and the error %v", name, l.resp, l.err)
		}
	}
}

// rebody replaces the request's body.
func (s *shipment) rebody(body string) {
	s.bodies = nil
	s.text = body
	s.Body, s.ContentLength = s.body(), int64(len(body))
}
