package conformance

import (
	"context"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// checkAnswers sends requests with responses of every kind.
func (w *workbench) checkAnswers() {
	large := `{"status":"success","details":{"id":"probe-1","filler":"` + strings.Repeat("x", 2<<20) + `"}}`
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
		w.checkAnswer(tr, tt.name, tt.body)
	}
	for _, status := range []int{202, 206, 301, 304, 307, 400, 401, 403, 404, 409, 412, 413, 422, 429, 451, 500, 501, 502, 503, 504, 599} {
		body := errorDocument(status)
		if status == http.StatusNotModified {
			body = ""
		}
		tr := w.on(&probe{script: func(_ int, req *http.Request) (*http.Response, error) {
			resp := probeReply(req, status, "application/json", strings.NewReader(body), int64(len(body)))
			maps.Copy(resp.Header, http.Header{
				"Date":             {"Wed, 25 Nov 2026 10:00:00 GMT"},
				"Location":         {"https://elsewhere.example/"},
				"Retry-After":      {"7"},
				"Set-Cookie":       {"a=1", "b=2"},
				"Www-Authenticate": {"Bearer"},
				"X-Request-Id":     {"probe-1"},
			})
			return resp, nil
		}})
		w.checkAnswer(tr, strconv.Itoa(status), body)
	}
	w.checkNoContent()
	w.checkBroken()
}

// checkAnswer sends a request, whose response must have the body.
func (w *workbench) checkAnswer(tr *trial, on, body string) {
	l := tr.send(ship(context.Background()))
	tr.end(on)
	tr.checkLanding(on, l)
	if l.resp == nil || l.resp.Body == nil {
		return
	}
	switch {
	case l.bodyErr != nil:
		w.broken(ruleUnchanged, "on %s the body can't be read or closed: %v", on, l.bodyErr)
	case string(l.body) != body:
		w.broken(ruleUnchanged, "on %s the body has %d bytes that aren't the %d of the base", on, len(l.body), len(body))
	}
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
	l := tr.send(req)
	tr.end("a response without a body")
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
		tr.end("a body that breaks off")
		if l.resp != nil && l.failure() == nil {
			w.broken(ruleBroken, "on a body of %s, %d of %d bytes were read without an error", contentType, len(l.body), len(successDocument))
		}
	}
}
