package conformance_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/prefactordev/prefactor-go/transport"
)

// A foreignRetry is a retry of another package: it doesn't know this module. Its
// zero value retries errors, 429 and 5xx, twice, and waits for Retry-After up to
// ten seconds.
type foreignRetry struct {
	only       int  // the one status that it retries
	everything bool // retries each error status
	successes  bool // retries a POST that succeeded, and nothing else
	stubborn   bool // begins waits that outlast the deadline
	asleep     bool // doesn't notice the end of the context in a wait
	deaf       bool // doesn't read Retry-After
}

func (r foreignRetry) layer() transport.Layer {
	return transport.NewLayer("retry", transport.Retries, r.wrap)
}

func (r foreignRetry) wrap(next http.RoundTripper) http.RoundTripper {
	return trippingFunc(func(req *http.Request) (*http.Response, error) { return r.roundTrip(req, next) })
}

func (r foreignRetry) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		resp, err := next.RoundTrip(req)
		if attempt == 3 || !r.retries(resp, err) || req.Context().Err() != nil {
			return resp, err
		}
		wait := 300 * time.Millisecond
		if resp != nil && !r.deaf {
			wait = max(wait, asked(resp.Header.Get("Retry-After")))
		}
		if deadline, ok := req.Context().Deadline(); wait > 10*time.Second || ok && !r.stubborn && time.Until(deadline) < wait {
			return resp, err
		}
		if resp != nil {
			io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
			resp.Body.Close()
		}
		if err := r.sleep(req.Context(), wait); err != nil {
			return nil, err
		}
		if req, err = rewound(req); err != nil {
			return nil, err
		}
	}
}

// asked reads seconds or a date.
func asked(retryAfter string) time.Duration {
	if at, err := http.ParseTime(retryAfter); err == nil {
		return time.Until(at)
	}
	seconds, _ := strconv.Atoi(retryAfter)
	return time.Duration(seconds) * time.Second
}

func (r foreignRetry) retries(resp *http.Response, err error) bool {
	switch {
	case err != nil:
		return true
	case r.only != 0:
		return resp.StatusCode == r.only
	case r.successes:
		return resp.StatusCode == 200 && resp.Request.Method == http.MethodPost
	case r.everything:
		return resp.StatusCode >= 400
	}
	return resp.StatusCode == 429 || resp.StatusCode >= 500
}

func (r foreignRetry) sleep(ctx context.Context, wait time.Duration) error {
	if r.asleep {
		time.Sleep(wait)
		return ctx.Err()
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// rewound returns the request with a new body.
func rewound(req *http.Request) (*http.Request, error) {
	again := req.Clone(req.Context())
	if req.GetBody == nil {
		return again, nil
	}
	body, err := req.GetBody()
	again.Body = body
	return again, err
}

// refreshing sends again with a fresh token on a 401.
type refreshing struct{ http.RoundTripper }

func (r refreshing) RoundTrip(req *http.Request) (*http.Response, error) {
	send := func(req *http.Request, token string) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+token)
		return r.RoundTripper.RoundTrip(req)
	}
	resp, err := send(req, "an-old-token")
	if err != nil || resp.StatusCode != http.StatusUnauthorized || req.GetBody == nil {
		return resp, err
	}
	resp.Body.Close()
	if req, err = rewound(req); err != nil {
		return nil, err
	}
	return send(req, "a-fresh-token")
}
