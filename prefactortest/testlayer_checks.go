package prefactortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/prefactordev/prefactor-go/transport"
)

// layerChecks are what TestLayer does, in this order: what counts failures over
// time sees the successes first.
var layerChecks = []func(*workbench){
	(*workbench).checkExchange,
	(*workbench).checkAnswers,
	(*workbench).checkConcurrent,
	(*workbench).checkStream,
	(*workbench).checkSwitching,
	(*workbench).checkIdle,
	(*workbench).checkUnwrap,
	(*workbench).checkOnce,
	(*workbench).checkLosers,
	(*workbench).checkRefusals,
	(*workbench).checkContext,
	(*workbench).checkPanic,
	(*workbench).checkSecret,
}

func succeed(_ int, req *http.Request) (*http.Response, error) { return document(req, 200), nil }

func always(status int) answerer {
	return func(_ int, req *http.Request) (*http.Response, error) { return document(req, status), nil }
}

// first answers the first times requests with the status, and then succeeds.
func first(times, status int) answerer {
	return func(n int, req *http.Request) (*http.Response, error) {
		if n <= times {
			return document(req, status), nil
		}
		return document(req, 200), nil
	}
}

func breakOff(int, *http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "read", Net: "tcp", Err: errProbe}
}

// checkExchange sends a request in each way that it can end, and looks at all
// that must hold in each.
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

// checkOwner holds a request against what it was.
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
		tr.broken(ruleOwner, "on %s it came back with another %s", on, strings.Join(changed, ", "))
	}
}

// checkClosed looks for bodies that are open. Without a shipment it looks at
// the responses alone.
func (tr *trial) checkClosed(on string, s *shipment) {
	if s != nil && s.open() > 0 {
		tr.broken(ruleRequestBody, "on %s %d of %d are open", on, s.open(), len(s.bodies))
	}
	if n := tr.probe.open(); n > 0 {
		tr.broken(ruleAnswerBody, "on %s %d of %d are open", on, n, len(tr.probe.bodies))
	}
}

// checkSent looks at each request that reached the probe.
func (tr *trial) checkSent(on string) {
	seen := tr.probe.seen()
	for n, s := range seen {
		switch {
		case s.bodyErr != nil:
			tr.broken(ruleReplay, "on %s the body of request %d can't be read: %v", on, n+1, s.bodyErr)
			return
		case !bytes.Equal(s.body, seen[0].body):
			tr.broken(ruleReplay, "on %s request %d has another body than the first: %d bytes, not %d", on, n+1, len(s.body), len(seen[0].body))
			return
		}
		if s.replay != nil && !bytes.Equal(s.replay, s.body) {
			tr.broken(ruleTogether, "GetBody gives %d bytes that aren't the %d of Body", len(s.replay), len(s.body))
		}
		if s.length > 0 && s.length != int64(len(s.body)) || s.length == 0 && len(s.body) > 0 {
			tr.broken(ruleTogether, "ContentLength is %d, and Body has %d bytes", s.length, len(s.body))
		}
		if key := s.header.Get(transport.KeyHeader); key != layerKey {
			tr.broken(ruleKey, "on %s request %d has the key %q, the caller gave %q", on, n+1, key, layerKey)
		}
	}
}

// checkLanding looks at what came back of a plain request.
func (tr *trial) checkLanding(on string, l *landing) {
	last := tr.probe.last()
	switch {
	case l.panicked != nil:
		tr.broken(rulePanic, "on %s the layer itself panics: %v", on, l.panicked)
		return
	case l.hung:
		tr.broken(ruleContext, "on %s nothing comes back within %s", on, longest)
		return
	case l.resp != nil && l.err != nil:
		tr.broken(ruleEither, "on %s both come: %s and the error %v", on, l.resp.Status, l.err)
	case l.resp == nil && l.err == nil:
		tr.broken(ruleEither, "on %s neither comes", on)
	case l.resp != nil && l.resp.Body == nil:
		tr.broken(ruleUnchanged, "on %s the response has a nil Body", on)
	case l.err != nil && last != nil && last.resp != nil:
		tr.broken(ruleStatus, "the base answered %d, and the layer returned the error %v", last.resp.StatusCode, l.err)
	}
	tr.checkInner(on, l)
}

// checkInner looks for the probe's error in the layer's.
func (tr *trial) checkInner(on string, l *landing) {
	if last := tr.probe.last(); last != nil && errors.Is(last.err, errProbe) && l.err != nil && !errors.Is(l.err, errProbe) {
		tr.broken(ruleInner, "on %s errors.Is doesn't find it in %v", on, l.err)
	}
}

// checkAnswers sends requests whose answers differ in kind.
func (w *workbench) checkAnswers() {
	large := `{"status":"success","details":{"id":"probe-1","filler":"` + strings.Repeat("x", 300<<10) + `"}}`
	text := strings.Repeat("line after line\n", 10<<10)
	for _, tt := range []struct {
		name, contentType, body string
		status                  int
	}{
		{"a document", "application/json", successDocument, 200},
		{"a document that isn't the API's", "application/json; charset=utf-8", ` {"number": 12345678901234567890.10, "number": 1}` + "\n", 200},
		{"a large document", "application/json", large, 200},
		{"a broken document", "application/json", `{"status":`, 200},
		{"a text", "text/plain", text, 200},
		{"a page", "text/html", "<html>busy</html>", 400},
		{"an empty body", "application/json", "", 201},
	} {
		tr := w.on(&probe{script: func(_ int, req *http.Request) (*http.Response, error) {
			return probeReply(req, tt.status, tt.contentType, strings.NewReader(tt.body), int64(len(tt.body))), nil
		}})
		l := tr.send(ship(context.Background()))
		tr.end()
		tr.checkClosed(tt.name, nil)
		tr.checkLanding(tt.name, l)
		if l.resp == nil || l.resp.Body == nil {
			continue
		}
		switch {
		case l.resp.StatusCode != tt.status:
			w.broken(ruleUnchanged, "of %s the status is %d, was %d", tt.name, l.resp.StatusCode, tt.status)
		case l.resp.Header.Get("Content-Type") != tt.contentType || l.resp.Header.Get("X-Probe") != "kept":
			w.broken(ruleUnchanged, "of %s the header is another", tt.name)
		case l.bodyErr != nil:
			w.broken(ruleUnchanged, "of %s the body can't be read or closed: %v", tt.name, l.bodyErr)
		case string(l.body) != tt.body:
			w.broken(ruleUnchanged, "of %s the body has %d bytes, and came with other %d", tt.name, len(l.body), len(tt.body))
		}
	}
	w.checkNoContent()
	w.checkBroken()
}

// checkNoContent sends a request that has no body and whose answer has none.
func (w *workbench) checkNoContent() {
	tr := w.on(&probe{script: func(_ int, req *http.Request) (*http.Response, error) {
		resp := probeReply(req, 204, "", http.NoBody, 0)
		return resp, nil
	}})
	req, err := http.NewRequest(http.MethodHead, layerURL+"/api/v1/ping", nil)
	if err != nil {
		panic(err)
	}
	l := tr.send(&shipment{Request: req})
	tr.end()
	tr.checkLanding("an answer without a body", l)
	if l.bodyErr != nil || len(l.body) > 0 {
		w.broken(ruleUnchanged, "an answer without a body has %d bytes and the error %v", len(l.body), l.bodyErr)
	}
}

// checkBroken has every body break off.
func (w *workbench) checkBroken() {
	for _, contentType := range []string{"application/json", "text/plain"} {
		tr := w.on(&probe{script: func(_ int, req *http.Request) (*http.Response, error) {
			return probeReply(req, 200, contentType, io.MultiReader(strings.NewReader(successDocument[:20]), brokenOff{}), int64(len(successDocument))), nil
		}})
		l := tr.send(ship(context.Background()))
		tr.end()
		tr.checkClosed("a body that breaks off", nil)
		if l.resp != nil && l.failure() == nil {
			w.broken(ruleBroken, "of %s, %d of %d bytes came, and no error", contentType, len(l.body), len(successDocument))
		}
	}
}

// checkConcurrent sends many requests at once, each of which must have its own
// answer.
func (w *workbench) checkConcurrent() {
	const requests = 64
	tr := w.on(&probe{script: func(_ int, req *http.Request) (*http.Response, error) {
		id := req.Header.Get("X-Request")
		for range 100 { // no sleep: a queue made outside of the bubble would stop its clock
			runtime.Gosched()
		}
		return probeReply(req, 200, "text/plain", strings.NewReader(id), int64(len(id))), nil
	}})
	var mu sync.Mutex
	var all sync.WaitGroup
	for n := range requests {
		all.Go(func() {
			s := ship(context.Background())
			id := fmt.Sprint("request ", n)
			s.Header.Set("X-Request", id)
			l := tr.send(s)
			mu.Lock()
			defer mu.Unlock()
			if l.failure() == nil && l.panicked == nil && string(l.body) != id {
				tr.broken(ruleConcurrent, "%s got the answer to %q", id, l.body)
			}
			if n := s.open(); n > 0 {
				tr.broken(ruleRequestBody, "of %d requests at once, %d bodies of one are open", requests, n)
			}
		})
	}
	all.Wait()
	tr.end()
	tr.checkClosed(fmt.Sprintf("%d requests at once", requests), nil)
}

// checkStream has a body come in two parts, an hour apart.
func (w *workbench) checkStream() {
	const beginning, rest = "data: one\n\n", "data: two\n\n"
	behind := newGate(rest)
	tr := w.on(&probe{script: func(_ int, req *http.Request) (*http.Response, error) {
		body := struct {
			io.Reader
			io.Closer
		}{io.MultiReader(strings.NewReader(beginning), behind), behind}
		return probeReply(req, 200, "text/event-stream", body, -1), nil
	}})
	opening := time.AfterFunc(2*time.Hour, func() { close(behind.opened) })
	defer opening.Stop()
	var got [len(beginning)]byte
	l := tr.guard(func(l *landing) {
		l.resp, l.err = tr.rt.RoundTrip(ship(context.Background()).Request)
		if l.resp == nil || l.resp.Body == nil {
			return
		}
		_, l.bodyErr = io.ReadFull(l.resp.Body, got[:])
	})
	if l.resp == nil || l.resp.Body == nil {
		return
	}
	if l.hung || l.took > 0 {
		w.broken(ruleStream, "its beginning came only after %s, with the rest", l.took)
	}
	l.body, l.bodyErr = io.ReadAll(l.resp.Body)
	if l.bodyErr != nil || string(l.body) != rest {
		w.broken(ruleStream, "what came of it two hours later is %q and the error %v", l.body, l.bodyErr)
	}
	l.resp.Body.Close()
	tr.end()
	tr.checkClosed("a stream", nil)
}

// checkSwitching switches protocols.
func (w *workbench) checkSwitching() {
	line := &duplex{Reader: strings.NewReader("")}
	tr := w.on(&probe{script: func(_ int, req *http.Request) (*http.Response, error) {
		resp := probeReply(req, http.StatusSwitchingProtocols, "", line, -1)
		resp.Header = http.Header{"Upgrade": {"probe"}, "Connection": {"Upgrade"}}
		return resp, nil
	}})
	l := tr.guard(func(l *landing) {
		req, err := http.NewRequest(http.MethodGet, layerURL+"/socket", nil)
		if err != nil {
			panic(err)
		}
		l.resp, l.err = tr.rt.RoundTrip(req)
	})
	if l.resp == nil || l.resp.Body == nil {
		return
	}
	if writer, ok := l.resp.Body.(io.Writer); !ok {
		w.broken(ruleSwitching, "it is a %T, which is no io.Writer", l.resp.Body)
	} else if n, err := writer.Write([]byte("hello")); n != 5 || err != nil || line.written.String() != "hello" {
		w.broken(ruleSwitching, "of %q the base got %q, and the writer %d and the error %v", "hello", line.written.String(), n, err)
	}
	l.resp.Body.Close()
	tr.end()
	tr.checkClosed("a 101", nil)
}

func (w *workbench) checkIdle() {
	p := &probe{script: succeed}
	tr := w.on(p)
	closer, ok := tr.rt.(interface{ CloseIdleConnections() })
	if !ok {
		w.broken(ruleIdle, "%T has no such method", tr.rt)
		return
	}
	if closer.CloseIdleConnections(); p.idle != 1 {
		w.broken(ruleIdle, "the base was called %d times", p.idle)
	}
}

func (w *workbench) checkUnwrap() {
	p := &probe{script: succeed}
	tr := w.on(p)
	if found, ok := transport.As[*probe](tr.rt); !ok || found != p {
		w.broken(ruleUnwrap, "%T has no Unwrap that leads to it", tr.rt)
	}
}

// checkOnce sends a request whose body can't be had again.
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

// checkLosers makes the first of several requests slow, so that a layer that
// races them has a loser.
func (w *workbench) checkLosers() {
	for _, sender := range senders {
		tr := w.on(&probe{script: func(n int, req *http.Request) (*http.Response, error) {
			if n == 1 {
				select {
				case <-time.After(20 * time.Second):
				case <-req.Context().Done(): // and it answers all the same
				}
			}
			return document(req, 200), nil
		}})
		sender.send(tr, context.Background())
		tr.end()
		tr.checkClosed("a slow answer to "+sender.name, nil)
		tr.checkSent("a slow answer to " + sender.name)
	}
}

// checkRefusals sends requests that a layer may refuse by itself.
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

// rebody gives a request another body.
func (s *shipment) rebody(body string) {
	s.bodies = nil
	s.text = body
	s.Body, s.ContentLength = s.body(), int64(len(body))
}

// checkContext ends the context of a request at each point of its way.
func (w *workbench) checkContext() {
	const patience = 500 * time.Millisecond
	hang := func(_ int, req *http.Request) (*http.Response, error) {
		if err := sleep(req.Context(), longest/2); err != nil {
			return nil, err
		}
		return document(req, 200), nil
	}
	stall := func(_ int, req *http.Request) (*http.Response, error) {
		body := io.MultiReader(strings.NewReader(successDocument[:20]), &staller{ctx: req.Context(), left: longest / 2}, brokenOff{})
		return probeReply(req, 200, "application/json", body, -1), nil
	}
	for _, tt := range []struct {
		name     string
		script   answerer
		patience time.Duration
	}{
		{"before it was sent", succeed, 0},
		{"in flight", hang, patience},
		{"in a wait between attempts", always(503), patience},
		{"within the body", stall, patience},
	} {
		for _, sender := range senders {
			w.checkEnd(sender.name+" whose context is canceled "+tt.name, tt.script, sender.send, context.Canceled, func(ctx context.Context) (context.Context, func()) {
				ctx, cancel := context.WithCancel(ctx)
				if tt.patience == 0 {
					cancel()
				}
				timer := time.AfterFunc(tt.patience, cancel)
				return ctx, func() { timer.Stop(); cancel() }
			}, tt.patience)
			w.checkEnd(sender.name+" whose deadline passes "+tt.name, tt.script, sender.send, context.DeadlineExceeded, func(ctx context.Context) (context.Context, func()) {
				ctx, cancel := context.WithTimeout(ctx, tt.patience)
				return ctx, cancel
			}, tt.patience)
		}
	}
}

// checkEnd sends a request whose context ends within patience.
func (w *workbench) checkEnd(name string, answers answerer, send func(*trial, context.Context) *landing, want error,
	ending func(context.Context) (context.Context, func()), patience time.Duration) {
	tr := w.on(&probe{script: answers})
	ctx, stop := ending(context.Background())
	defer stop()
	l := send(tr, ctx)
	tr.end()
	tr.checkClosed(name, nil)
	last := tr.probe.last()
	inFlight := last != nil && last.err != nil && errors.Is(last.err, want)
	switch {
	case l.hung:
		w.broken(ruleContext, "%s never ends", name)
	case l.took > patience:
		w.broken(ruleContext, "%s ends %s later", name, l.took-patience)
	case inFlight && !errors.Is(l.failure(), want):
		w.broken(ruleContext, "%s ends in an error that doesn't match %q: %v", name, want, l.failure())
	}
}

// checkPanic has the inner round tripper panic, often enough that whatever the
// layer doesn't free is used up.
func (w *workbench) checkPanic() {
	const panics = 300
	crash := false
	tr := w.on(&probe{script: func(_ int, req *http.Request) (*http.Response, error) {
		if crash {
			panic(errProbe)
		}
		return document(req, 200), nil
	}})
	works := tr.send(ship(context.Background())).failure() == nil
	crash = true
	for range panics {
		before := len(tr.probe.seen())
		l := tr.send(ship(context.Background()))
		if len(tr.probe.seen()) > before && l.panicked != errProbe {
			w.broken(rulePanic, "the base panicked, and the layer returned the error %v", l.err)
			break
		}
	}
	crash = false
	if l := tr.send(ship(context.Background())); works && l.failure() != nil {
		w.broken(rulePanic, "after %d panics it answers no more: %v", panics, l.failure())
	}
	tr.end()
}

// checkSecret sends requests that carry secrets and fail in all ways.
func (w *workbench) checkSecret() {
	const secret = "canary-in-the-coal-mine"
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tt := range []struct {
		script answerer
		ctx    context.Context
	}{
		{breakOff, context.Background()},
		{always(503), context.Background()},
		{always(401), context.Background()},
		{succeed, ended},
	} {
		tr := w.on(&probe{script: tt.script})
		s := ship(tt.ctx)
		s.URL.RawQuery = "token=" + secret
		s.Header.Set("Authorization", "Bearer "+secret)
		s.Header.Set("Cookie", "session="+secret)
		s.Header.Set("X-Api-Key", secret)
		l := tr.send(s)
		tr.end()
		if err := l.failure(); err != nil && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), secret) {
			w.broken(ruleSecret, "an error of %T shows a header or the query", err)
		}
	}
}
