package middleware

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

// NewBase returns a base transport fit for the API: connections made within
// cfg.ConnectTimeout, HTTP/2 where the server has it, the proxy from the
// environment, and enough idle connections for 128 concurrent callers to reuse
// theirs. Only cfg.ConnectTimeout is read.
//
// A proxy that refuses to connect gives an [errs.NetworkError] around an
// [errs.ProxyError].
//
// Each tune function may change the transport before it is returned: a
// company's certificate authority goes into its TLSClientConfig, a fixed proxy
// into its Proxy.
func NewBase(cfg Config, tune ...func(*http.Transport)) *http.Transport {
	dialer := &net.Dialer{Timeout: cfg.ConnectTimeout, KeepAlive: 30 * time.Second}
	base := &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &countingConn{Conn: conn}, nil
		},
		OnProxyConnectResponse: proxyRefusal,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    cfg.ConnectTimeout,
		MaxIdleConnsPerHost:    128,
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
	}
	for _, t := range tune {
		t(base)
	}
	return base
}

// proxyRefusal keeps of a proxy's refusal what net/http would drop.
func proxyRefusal(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	_, reason, _ := strings.Cut(resp.Status, " ")
	return &errs.ProxyError{Status: resp.StatusCode, Reason: errs.Words(reason), RetryAfter: errs.ParseRetryAfter(resp.Header)}
}

// countingConn is a connection that counts what is written to it. By that a call
// that was canceled just before its request was written knows that nothing of it
// was sent.
type countingConn struct {
	net.Conn
	written atomic.Int64
}

// closingRecord is above the size of what TLS writes to close a connection, which
// is no part of a request.
const closingRecord = 64

func (c *countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if n > closingRecord {
		c.written.Add(int64(n))
	}
	return n, err
}

// BytesWritten returns how many bytes were written.
func (c *countingConn) BytesWritten() int64 { return c.written.Load() }
