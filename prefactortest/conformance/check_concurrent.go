package conformance

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"
)

// checkConcurrent sends many requests at once. Each must get its own response.
func (w *workbench) checkConcurrent() {
	const requests = 64
	tr := w.on(&probe{script: func(_ int, req *http.Request) (*http.Response, error) {
		id := req.Header.Get("X-Request")
		for range 100 { // no sleep: a queue made outside the bubble would stop its clock
			runtime.Gosched()
		}
		return probeReply(req, 200, "text/plain", strings.NewReader(id), int64(len(id))), nil
	}})
	var all sync.WaitGroup
	for n := range requests {
		all.Go(func() {
			req := ship(context.Background())
			id := fmt.Sprint("request ", n)
			req.Header.Set("X-Request", id)
			l := tr.send(req)
			if l.failure() == nil && l.panicked == nil && string(l.body) != id {
				tr.broken(ruleConcurrent, "%s got the response to %q", id, l.body)
			}
		})
	}
	all.Wait()
	tr.end(fmt.Sprintf("%d requests at once", requests))
}

// checkLosers makes the first request slow, so that a layer that hedges has a
// loser.
func (w *workbench) checkLosers() {
	for _, sender := range senders {
		tr := w.on(&probe{script: func(n int, req *http.Request) (*http.Response, error) {
			if n == 1 {
				select {
				case <-time.After(20 * time.Second):
				case <-req.Context().Done(): // it responds nevertheless
				}
			}
			return document(req, 200), nil
		}})
		sender.send(tr, context.Background())
		tr.end("a slow response to " + sender.name)
		tr.checkSent("a slow response to " + sender.name)
	}
}
