package conformance

import (
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A probe is the base of a layer under test. It responds as its script says and
// records the requests.
type probe struct {
	script answerer
	late   bool // request bodies are read only after the response

	mu        sync.Mutex
	sightings []*sighting
	bodies    []*trackedBody // of the responses
	idle      int            // see closed
	readers   sync.WaitGroup
}

// An answerer responds to the n-th request, from 1, that reaches a probe.
type answerer = func(n int, req *http.Request) (*http.Response, error)

// A sighting is one request as it reached the probe.
type sighting struct {
	req     *http.Request
	url     string
	header  http.Header
	length  int64
	body    []byte
	bodyErr error
	replay  []byte // from GetBody; nil without it

	resp   *http.Response // the probe's response, and what the probe set in it
	status string
	sent   http.Header
	err    error
}

func (p *probe) RoundTrip(req *http.Request) (*http.Response, error) {
	s := &sighting{req: req, url: req.URL.String(), header: req.Header.Clone(), length: req.ContentLength}
	p.mu.Lock()
	p.sightings = append(p.sightings, s)
	n := len(p.sightings)
	p.mu.Unlock()
	if p.late {
		p.readers.Go(func() {
			time.Sleep(time.Duration(n) * time.Minute)
			s.readBody()
		})
	} else {
		s.readBody()
	}
	if err := req.Context().Err(); err != nil {
		s.err = err
		return nil, err
	}
	resp, err := p.script(n, req)
	s.resp, s.err = resp, err
	if resp != nil {
		s.status, s.sent = resp.Status, resp.Header.Clone()
	}
	if resp != nil && resp.Body != nil && resp.Body != http.NoBody {
		body := &trackedBody{ReadCloser: resp.Body, ctx: req.Context()}
		p.mu.Lock()
		p.bodies = append(p.bodies, body)
		p.mu.Unlock()
		resp.Body = body
		if _, ok := body.ReadCloser.(io.Writer); ok {
			resp.Body = writableBody{body}
		}
	}
	return resp, err
}

// readBody reads and closes the request body, as a transport does, and a body
// from GetBody.
func (s *sighting) readBody() {
	if s.req.GetBody != nil {
		if again, err := s.req.GetBody(); err == nil {
			s.replay, _ = io.ReadAll(again)
			again.Close()
		}
	}
	if s.req.Body != nil {
		s.body, s.bodyErr = io.ReadAll(s.req.Body)
		s.req.Body.Close()
	}
}

func (p *probe) CloseIdleConnections() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle++
}

// closed returns how often CloseIdleConnections was called since the last time.
func (p *probe) closed() (times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	times, p.idle = p.idle, 0
	return times
}

// seen returns the requests so far.
func (p *probe) seen() []*sighting {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sightings)
}

// open counts the response bodies that aren't closed.
func (p *probe) open() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.bodies {
		if !b.isClosed() {
			n++
		}
	}
	return n
}

// A trackedBody knows whether it is closed. Reading it then fails, and also after
// the end of the context, as the body of a response does in net/http.
type trackedBody struct {
	io.ReadCloser
	ctx    context.Context // nil for a request's
	mu     sync.Mutex
	closed bool
}

func (b *trackedBody) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

func (b *trackedBody) Read(p []byte) (int, error) {
	if b.isClosed() {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.ctx != nil && b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	return b.ReadCloser.Read(p)
}

func (b *trackedBody) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	return b.ReadCloser.Close()
}

// A writableBody is the body of a 101 response.
type writableBody struct{ *trackedBody }

func (b writableBody) Write(p []byte) (int, error) { return b.ReadCloser.(io.Writer).Write(p) }
