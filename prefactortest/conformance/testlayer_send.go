package conformance

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prefactordev/prefactor-go/transport"
)

const (
	layerURL  = "http://localhost"
	layerKey  = "the-callers-own-key"
	layerBody = `{"details":{"name":"a layer under test"}}`
)

// A shipment is a caller's request and all bodies that were made for it.
type shipment struct {
	*http.Request
	text string

	mu     sync.Mutex
	bodies []*trackedBody
}

// ship makes a request with a body and GetBody.
func ship(ctx context.Context) *shipment {
	s := &shipment{text: layerBody}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, layerURL+"/api/v1/agent_spans?layer=tested", s.body())
	if err != nil {
		panic(err)
	}
	req.ContentLength = int64(len(layerBody))
	req.GetBody = func() (io.ReadCloser, error) { return s.body(), nil }
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(transport.KeyHeader, layerKey)
	req.Header["X-Probe"] = []string{"one", "two"}
	s.Request = req
	return s
}

func (s *shipment) body() *trackedBody {
	b := &trackedBody{ReadCloser: io.NopCloser(strings.NewReader(s.text))}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = append(s.bodies, b)
	return b
}

// open counts the request bodies that aren't closed.
func (s *shipment) open() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.bodies {
		if !b.isClosed() {
			n++
		}
	}
	return n
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
func (tr *trial) send(s *shipment) *landing {
	return tr.guard(func(l *landing) {
		l.resp, l.err = tr.rt.RoundTrip(s.Request)
		if l.resp != nil && l.resp.Body != nil {
			l.body, l.bodyErr = io.ReadAll(l.resp.Body)
			l.bodyErr = errors.Join(l.bodyErr, l.resp.Body.Close())
		}
	})
}

// call makes an API call through the layer.
func (tr *trial) call(ctx context.Context) *landing {
	return tr.guard(func(l *landing) {
		client, err := transport.NewClient(layerURL, tr.rt)
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
