package conformance

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// checkContext ends the context of a request in each phase.
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
		{"before it is sent", succeed, 0},
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
	tr.end(name)
	last := tr.probe.last()
	inFlight := last != nil && last.err != nil && errors.Is(last.err, want)
	switch {
	case l.hung:
		w.broken(ruleEnds, "%s never ends", name)
	case l.took > patience:
		w.broken(ruleContext, "%s ends %s too late", name, l.took-patience)
	case inFlight && !errors.Is(l.failure(), want):
		w.broken(ruleContext, "%s ends in an error that doesn't match %q: %v", name, want, l.failure())
	}
}

// checkQueue ends the context of a request while another one is in flight, for
// which it may have to wait.
func (w *workbench) checkQueue() {
	const name, patience = "a request whose deadline passes while another is in flight", time.Second
	tr := w.on(&probe{script: func(n int, req *http.Request) (*http.Response, error) {
		if n == 1 {
			if err := sleep(req.Context(), time.Hour); err != nil {
				return nil, err
			}
		}
		return document(req, 200), nil
	}})
	var first sync.WaitGroup
	first.Go(func() { tr.send(ship(context.Background())) })
	time.Sleep(time.Millisecond) // it is in flight now
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	l := tr.send(ship(ctx))
	first.Wait()
	tr.end(name)
	if l.took > patience {
		w.broken(ruleContext, "%s ends %s too late", name, l.took-patience)
	}
}
