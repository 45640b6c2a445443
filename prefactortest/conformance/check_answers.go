package conformance

import (
	"context"
	"io"
	"net/http"
	"strings"
)

// checkAnswers sends requests with responses of every kind.
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
			w.broken(ruleUnchanged, "on %s the status is %d, the base responded %d", tt.name, l.resp.StatusCode, tt.status)
		case l.resp.Header.Get("Content-Type") != tt.contentType || l.resp.Header.Get("X-Probe") != "kept":
			w.broken(ruleUnchanged, "on %s the header is changed", tt.name)
		case l.bodyErr != nil:
			w.broken(ruleUnchanged, "on %s the body can't be read or closed: %v", tt.name, l.bodyErr)
		case string(l.body) != tt.body:
			w.broken(ruleUnchanged, "on %s the body has %d bytes that aren't the %d of the base", tt.name, len(l.body), len(tt.body))
		}
	}
	w.checkNoContent()
	w.checkBroken()
}

// checkNoContent sends a request without a body that gets a response without
// one.
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
	tr.checkLanding("a response without a body", l)
	if l.bodyErr != nil || len(l.body) > 0 {
		w.broken(ruleUnchanged, "a response without a body has %d bytes and the error %v", len(l.body), l.bodyErr)
	}
}

// checkBroken makes every response body break off.
func (w *workbench) checkBroken() {
	for _, contentType := range []string{"application/json", "text/plain"} {
		tr := w.on(&probe{script: func(_ int, req *http.Request) (*http.Response, error) {
			return probeReply(req, 200, contentType, io.MultiReader(strings.NewReader(successDocument[:20]), brokenOff{}), int64(len(successDocument))), nil
		}})
		l := tr.send(ship(context.Background()))
		tr.end()
		tr.checkClosed("a body that breaks off", nil)
		if l.resp != nil && l.failure() == nil {
			w.broken(ruleBroken, "on a body of %s, %d of %d bytes were read without an error", contentType, len(l.body), len(successDocument))
		}
	}
}
