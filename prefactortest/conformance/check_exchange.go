package conformance

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
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
			req := ship(context.Background())
			tr.track(req)
			before := *req
			header := req.Header.Clone()
			target := req.URL.String()
			l := tr.sendTracked(req)
			tr.end(tt.name)
			tr.checkOwner(tt.name, req, &before, header, target)
			tr.checkSent(tt.name)
			tr.checkLanding(tt.name, l)
		}
		tr := w.on(&probe{script: tt.script})
		l := tr.call(context.Background())
		tr.end(tt.name)
		tr.checkSent(tt.name)
		tr.checkValues(tt.name)
		tr.checkInner(tt.name, l)
	}
}

// checkOwner compares a request with what it was before it was sent.
func (tr *trial) checkOwner(on string, after, before *http.Request, header http.Header, target string) {
	var changed []string
	note := func(name string, same bool) {
		if !same {
			changed = append(changed, name)
		}
	}
	note("Method", after.Method == before.Method)
	note("URL", after.URL == before.URL && after.URL.String() == target)
	note("Host", after.Host == before.Host)
	note("Body", after.Body == before.Body)
	note("GetBody", after.GetBody != nil)
	note("ContentLength", after.ContentLength == before.ContentLength)
	if fields := difference(header, after.Header); fields != "" {
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
		if keys := keysOf(s.header); len(keys) != 1 || keys[0] != layerKey {
			tr.broken(ruleKey, "on %s request %d has the key %q, the caller set %q", on, n+1, strings.Join(keys, ", "), layerKey)
		}
	}
}

// keysOf returns the idempotency keys in a header, in any spelling of the name.
func keysOf(h http.Header) (keys []string) {
	for name, values := range h {
		if strings.EqualFold(name, transport.KeyHeader) {
			keys = append(keys, values...)
		}
	}
	return keys
}

// checkValues checks that the context of an API call reached the probe.
func (tr *trial) checkValues(on string) {
	seen := tr.probe.seen()
	isCall := func(s *sighting) bool { return transport.CallFrom(s.req.Context()) != nil }
	if len(seen) > 0 && !slices.ContainsFunc(seen, isCall) {
		tr.broken(ruleValues, "on %s transport.CallFrom finds no call there: derive the context from the request's", on)
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
		tr.broken(ruleEnds, "on %s the request doesn't end within %s", on, longest)
		return
	case !tr.checkEither(on, l):
	case l.resp != nil && l.resp.Body == nil:
		tr.broken(ruleUnchanged, "on %s the response has a nil Body", on)
	case l.err != nil && last != nil && last.resp != nil:
		tr.broken(ruleStatus, "the base responded %s, and the layer returned the error %v", last.status, l.err)
	case l.resp != nil && last != nil && last.resp != nil:
		tr.checkUnchanged(on, l, last)
	}
	tr.checkInner(on, l)
}

// checkEither checks that there is a response or an error.
func (tr *trial) checkEither(on string, l *landing) bool {
	switch {
	case l.panicked != nil:
	case l.resp != nil && l.err != nil:
		tr.broken(ruleEither, "on %s both are returned: %s and the error %v", on, l.resp.Status, l.err)
		return false
	case l.resp == nil && l.err == nil:
		tr.broken(ruleEither, "on %s neither is returned", on)
		return false
	}
	return true
}

// checkUnchanged compares a response with that of the probe.
func (tr *trial) checkUnchanged(on string, l *landing, last *sighting) {
	if l.resp.Status != last.status || !strings.HasPrefix(last.status, strconv.Itoa(l.resp.StatusCode)+" ") {
		tr.broken(ruleUnchanged, "on %s the status is %d (%q), the base responded %q", on, l.resp.StatusCode, l.resp.Status, last.status)
	}
	for name, values := range last.sent {
		if got := l.resp.Header[name]; !slices.Equal(got, values) {
			tr.broken(ruleUnchanged, "on %s the header %s is %q, the base sent %q", on, name, got, values)
		}
	}
	if n := l.resp.ContentLength; n >= 0 && n != int64(len(l.body)) && l.bodyErr == nil && last.req.Method != http.MethodHead {
		tr.broken(ruleUnchanged, "on %s ContentLength is %d, and the body has %d bytes", on, n, len(l.body))
	}
}

// checkInner checks that the layer's error wraps the probe's.
func (tr *trial) checkInner(on string, l *landing) {
	if last := tr.probe.last(); last != nil && errors.Is(last.err, errProbe) && l.err != nil && !errors.Is(l.err, errProbe) {
		tr.broken(ruleInner, "on %s errors.Is doesn't find it in %v", on, l.err)
	}
}
