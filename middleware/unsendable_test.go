package middleware_test

import (
	"log/slog"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// A payload that can't be encoded loses a step: log and observer must see it, and
// nothing may be spent on it.
func TestACallThatCannotBeEncodedIsLoggedAndObserved(t *testing.T) {
	t.Parallel()
	fake := prefactortest.New()
	var log logged
	var seen events
	cfg := quickConfig("http://localhost")
	stack := middleware.Default(cfg).PerCall(middleware.Log(log.logger(slog.LevelDebug, "duration", "key")), middleware.Observe("observe", &seen))
	rt, err := stack.RoundTripper(fake.RoundTripper())
	if err != nil {
		t.Fatal(err)
	}
	client, err := transport.NewClient(cfg.APIURL, rt)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Do(t.Context(), transport.Request{Method: "POST", Path: "/agent", Body: map[string]any{"f": func() {}}})
	if errs.KindOf(err) != errs.KindClient {
		t.Errorf("got %v", err)
	}
	log.assert(t, `level=WARN msg="prefactor call" operation=request method=POST route=/agent outcome=client error="f can't be encoded as JSON: JSON has nothing like a func(): leave it out, or give a text, a number, a list or an object"`)
	seen.assert(t, "call ended: client")
	if journal := fake.Journal(); len(journal) > 0 {
		t.Errorf("sent %v", journal)
	}
}
