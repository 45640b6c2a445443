package conformance

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/prefactordev/prefactor-go/transport"
)

const (
	layerURL  = "http://localhost"
	layerKey  = "the-callers-own-key"
	layerBody = `{"details":{"name":"a layer under test"}}`
)

// ship makes a caller's request, with a body and GetBody.
func ship(ctx context.Context) *http.Request { return shipText(ctx, layerBody) }

// shipText makes a caller's request with the text as its body.
func shipText(ctx context.Context, text string) *http.Request {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, layerURL+"/api/v1/agent_spans?layer=tested", strings.NewReader(text))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(transport.KeyHeader, layerKey)
	req.Header["X-Probe"] = []string{"one", "two"}
	return req
}

// track notes all bodies that req has or gets.
func (tr *trial) track(req *http.Request) {
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = tr.tracked(req.Body)
	}
	if again := req.GetBody; again != nil {
		req.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil {
				return nil, err
			}
			return tr.tracked(body), nil
		}
	}
}

func (tr *trial) tracked(body io.ReadCloser) io.ReadCloser {
	b := &trackedBody{ReadCloser: body}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.bodies = append(tr.bodies, b)
	return b
}

// open counts the request bodies, and those that aren't closed.
func (tr *trial) open() (open, all int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, b := range tr.bodies {
		if !b.isClosed() {
			open++
		}
	}
	return open, len(tr.bodies)
}

// A landing is how a request ended.
type landing struct {
	resp     *http.Response
	err      error
	body     []byte
	bodyErr  error
	panicked any
	hung     bool
	took     time.Duration
}

// failure returns the error of the round trip or of the body.
func (l *landing) failure() error {
	if l.err != nil {
		return l.err
	}
	return l.bodyErr
}

// send sends a request through the layer alone, and reads the whole response.
func (tr *trial) send(req *http.Request) *landing {
	tr.track(req)
	return tr.sendTracked(req)
}

func (tr *trial) sendTracked(req *http.Request) *landing {
	return tr.guard(func(l *landing) {
		l.resp, l.err = tr.rt.RoundTrip(req)
		if l.resp != nil && l.resp.Body != nil {
			l.body, l.bodyErr = io.ReadAll(l.resp.Body)
			l.bodyErr = errors.Join(l.bodyErr, l.resp.Body.Close())
		}
	})
}

// call makes an API call through the layer.
func (tr *trial) call(ctx context.Context) *landing {
	return tr.guard(func(l *landing) {
		client, err := transport.NewClient(layerURL, tr.callRT)
		if err != nil {
			panic(err)
		}
		_, l.err = opCreate.Do(ctx, client, transport.Input{Body: map[string]any{"details": map[string]any{"name": "a layer under test"}}},
			transport.WithIdempotencyKey(layerKey))
	})
}

// guard runs a request until it ends or counts as hung.
func (tr *trial) guard(run func(*landing)) *landing {
	done := make(chan *landing, 1)
	began := time.Now()
	go func() {
		l := new(landing)
		defer func() {
			l.panicked = recover()
			l.took = time.Since(began)
			done <- l
		}()
		run(l)
	}()
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case l := <-done:
		return l
	case <-timer.C:
		return &landing{hung: true, err: errors.New("the request hangs"), took: longest}
	}
}

// senders are the two ways to send a request through a layer.
var senders = []struct {
	name string
	send func(*trial, context.Context) *landing
}{
	{"a plain request", func(tr *trial, ctx context.Context) *landing { return tr.send(ship(ctx)) }},
	{"an API call", func(tr *trial, ctx context.Context) *landing { return tr.call(ctx) }},
}

// last returns the last request that reached the probe, or nil.
func (p *probe) last() *sighting {
	seen := p.seen()
	if len(seen) == 0 {
		return nil
	}
	return seen[len(seen)-1]
}
