package conformance

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/prefactordev/prefactor-go/transport"
)

// checkExchange lets requests end in each way, and checks what must always
// hold.
func (w *workbench) checkExchange() {
	for _, tt := range []struct {
		name   string
		script answerer
	}{
		{"a success", succeed},
		{"503, 503, then a success", first(2, 503)},
		{"404", always(404)},
		{"500", always(500)},
		{"an error", breakOff},
		{"503, then an error", func(n int, req *http.Request) (*http.Response, error) {
			if n == 1 {
				return document(req, 503), nil
			}
			return breakOff(n, req)
		}},
	} {
		for _, late := range []bool{false, true} {
			tr := w.on(&probe{script: tt.script, late: late})
			s := ship(context.Background())
			before := *s.Request
			header := s.Header.Clone()
			target := s.URL.String()
			l := tr.send(s)
			tr.end()
			tr.checkOwner(tt.name, s, &before, header, target)
			tr.checkClosed(tt.name, s)
			tr.checkSent(tt.name)
			tr.checkLanding(tt.name, l)
		}
		tr := w.on(&probe{script: tt.script})
		l := tr.call(context.Background())
		tr.end()
		tr.checkClosed(tt.name, nil)
		tr.checkSent(tt.name)
		tr.checkInner(tt.name, l)
	}
}

// checkOwner compares a request with what it was before it was sent.
func (tr *trial) checkOwner(on string, s *shipment, before *http.Request, header http.Header, target string) {
	var changed []string
	note := func(name string, same bool) {
		if !same {
			changed = append(changed, name)
		}
	}
	note("Method", s.Method == before.Method)
	note("URL", s.URL == before.URL && s.URL.String() == target)
	note("Host", s.Host == before.Host)
	note("Body", s.Body == before.Body)
	note("GetBody", s.GetBody != nil)
	note("ContentLength", s.ContentLength == before.ContentLength)
	if fields := difference(header, s.Header); fields != "" {
		changed = append(changed, "Header "+fields)
	}
	if len(changed) > 0 {
		tr.broken(ruleOwner, "on %s the layer changed its %s", on, strings.Join(changed, ", "))
	}
}

// checkSent checks each request that reached the probe.
func (tr *trial) checkSent(on string) {
	seen := tr.probe.seen()
	for n, s := range seen {
		switch {
		case s.bodyErr != nil:
			tr.broken(ruleReplay, "on %s the body of request %d can't be read: %v", on, n+1, s.bodyErr)
			return
		case !bytes.Equal(s.body, seen[0].body):
			tr.broken(ruleReplay, "on %s request %d has another body than the first: %d bytes instead of %d", on, n+1, len(s.body), len(seen[0].body))
			return
		}
		if s.replay != nil && !bytes.Equal(s.replay, s.body) {
			tr.broken(ruleTogether, "GetBody has %d bytes that aren't the %d of Body", len(s.replay), len(s.body))
		}
		if s.length > 0 && s.length != int64(len(s.body)) || s.length == 0 && len(s.body) > 0 {
			tr.broken(ruleTogether, "ContentLength is %d, and Body has %d bytes", s.length, len(s.body))
		}
		if key := s.header.Get(transport.KeyHeader); key != layerKey {
			tr.broken(ruleKey, "on %s request %d has the key %q, the caller set %q", on, n+1, key, layerKey)
		}
	}
}

// checkLanding checks how a plain request ended.
func (tr *trial) checkLanding(on string, l *landing) {
	last := tr.probe.last()
	switch {
	case l.panicked != nil:
		tr.broken(rulePanic, "on %s the layer panics: %v", on, l.panicked)
		return
	case l.hung:
		tr.broken(ruleContext, "on %s the request doesn't end within %s", on, longest)
		return
	case l.resp != nil && l.err != nil:
		tr.broken(ruleEither, "on %s both are returned: %s and the error %v", on, l.resp.Status, l.err)
	case l.resp == nil && l.err == nil:
		tr.broken(ruleEither, "on %s neither is returned", on)
	case l.resp != nil && l.resp.Body == nil:
		tr.broken(ruleUnchanged, "on %s the response has a nil Body", on)
	case l.err != nil && last != nil && last.resp != nil:
		tr.broken(ruleStatus, "the base responded %d, and the layer returned the error %v", last.resp.StatusCode, l.err)
	}
	tr.checkInner(on, l)
}

// checkInner checks that the layer's error wraps the probe's.
func (tr *trial) checkInner(on string, l *landing) {
	if last := tr.probe.last(); last != nil && errors.Is(last.err, errProbe) && l.err != nil && !errors.Is(l.err, errProbe) {
		tr.broken(ruleInner, "on %s errors.Is doesn't find it in %v", on, l.err)
	}
}
