package transport

import (
	"net"
	"net/http"
	"time"
)

// NewBase returns a base transport fit for the API: connections made within
// cfg.ConnectTimeout, HTTP/2 where the server has it, the proxy from the
// environment, and enough idle connections for 128 concurrent callers to reuse
// theirs. Only cfg.ConnectTimeout is read.
//
// Each tune function may change the transport before it is returned: a
// company's certificate authority goes into its TLSClientConfig, a fixed proxy
// into its Proxy.
func NewBase(cfg Config, tune ...func(*http.Transport)) *http.Transport {
	dialer := &net.Dialer{Timeout: cfg.ConnectTimeout, KeepAlive: 30 * time.Second}
	base := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   cfg.ConnectTimeout,
		MaxIdleConnsPerHost:   128,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
	for _, t := range tune {
		t(base)
	}
	return base
}
