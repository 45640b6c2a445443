package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const successDocument = `{"status":"success","details":{"id":"probe-1"}}`

// probeReply makes a response of the probe.
func probeReply(req *http.Request, status int, contentType string, body io.Reader, length int64) *http.Response {
	closer, ok := body.(io.ReadCloser)
	if !ok {
		closer = io.NopCloser(body)
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {contentType}, "X-Probe": {"kept"}},
		Body:          closer,
		ContentLength: length,
		Request:       req,
	}
}

// document responds with a document of the API for the status.
func document(req *http.Request, status int) *http.Response {
	body := successDocument
	if status >= http.StatusBadRequest {
		body = errorDocument(status)
	}
	return probeReply(req, status, "application/json", strings.NewReader(body), int64(len(body)))
}

// errorDocument returns the API's error for a status alone.
func errorDocument(status int) string {
	message := http.StatusText(status)
	code := strings.ReplaceAll(strings.ToLower(message), " ", "_")
	if status == http.StatusUnauthorized {
		code = "bad_authtoken"
	}
	return fmt.Sprintf(`{"status":"error","code":%q,"message":%q}`, code, message)
}

// errProbe is the error of a probe whose connection breaks.
var errProbe = errors.New("the connection broke")

func succeed(_ int, req *http.Request) (*http.Response, error) { return document(req, 200), nil }

func always(status int) answerer {
	return func(_ int, req *http.Request) (*http.Response, error) { return document(req, status), nil }
}

// first responds with the status to the first times requests, and then succeeds.
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

// brokenOff is the end of a body whose connection broke.
type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// A staller is an empty reader that waits before it ends.
type staller struct {
	ctx  context.Context
	left time.Duration
}

func (s *staller) Read([]byte) (int, error) {
	if err := sleep(s.ctx, s.left); err != nil {
		return 0, err
	}
	return 0, io.EOF
}

// sleep waits for d. If ctx ends first, it returns the cause.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
