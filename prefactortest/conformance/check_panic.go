package conformance

import (
	"context"
	"net/http"
)

// checkPanic makes the inner round tripper panic, often enough to use up what
// the layer doesn't free.
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
		w.broken(rulePanic, "after %d panics requests fail: %v", panics, l.failure())
	}
	tr.end("panics")
}
