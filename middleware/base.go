package middleware

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

// NewBase returns a base transport fit for the API. It makes connections within
// cfg.ConnectTimeout, uses HTTP/2 if the server supports it and the proxy of
// the environment (for other machines than this one), and keeps enough idle
// connections for 128 concurrent callers.
//
// An HTTP/2 connection is pinged when no frame has arrived for a third of
// cfg.RequestTimeout, 10 seconds at most (and by default), and closed if the
// ping isn't answered within the same time. So if the peer vanishes without
// closing the connection, the attempt in flight fails and the next one makes a
// new connection. To change these times, set HTTP2 in a tune function. HTTP/1
// needs no pings: a connection whose attempt timed out isn't used again.
//
// Of cfg only ConnectTimeout and RequestTimeout are used.
//
// If a proxy refuses to connect, the error is an [errs.NetworkError] around an
// [errs.ProxyError].
//
// Each tune function may change the transport before it is returned. For
// example, a company's certificate authority goes into its TLSClientConfig, and
// a fixed proxy into its Proxy. NewBase panics if one is nil.
func NewBase(cfg Config, tune ...func(*http.Transport)) *http.Transport {
	dialer := &net.Dialer{Timeout: cfg.ConnectTimeout, KeepAlive: 30 * time.Second}
	quiet := quietTime(cfg.RequestTimeout)
	base := &http.Transport{
		Proxy: proxyFromEnvironment,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &countingConn{Conn: conn}, nil
		},
		OnProxyConnectResponse: proxyRefusal,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: quiet, PingTimeout: quiet},
		TLSHandshakeTimeout:    cfg.ConnectTimeout,
		MaxIdleConnsPerHost:    128,
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
	}
	for i, t := range tune {
		if t == nil {
			panic(fmt.Sprintf("middleware.NewBase: tune function %d is nil: leave it out", i+1))
		}
		t(base)
	}
	return base
}

// quietTime returns how long an HTTP/2 connection may be without a frame before
// it is pinged, and how long the ping may take. Both together are shorter than
// an attempt, so that a lost connection is closed before the attempt ends.
func quietTime(attempt time.Duration) time.Duration {
	const longest = 10 * time.Second
	if attempt <= 0 { // without a limit
		return longest
	}
	return min(attempt/3, longest)
}

// proxyRefusal keeps the parts of a proxy's refusal that net/http would drop.
func proxyRefusal(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	_, reason, _ := strings.Cut(resp.Status, " ")
	return &errs.ProxyError{Status: resp.StatusCode, Reason: errs.Words(reason), RetryAfter: errs.ParseRetryAfter(resp.Header)}
}

// countingConn counts what is written to a connection. This shows that nothing
// was sent of a call that was canceled just before its request was written.
type countingConn struct {
	net.Conn
	written atomic.Int64
}

func (c *countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// BytesWritten returns how many bytes were written.
func (c *countingConn) BytesWritten() int64 { return c.written.Load() }
