package transport

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

// Option changes one call. A nil Option is an [errs.ClientError].
type Option func(*options)

type options struct {
	key     string
	keySet  bool
	header  http.Header
	timeout *time.Duration // nil for none
	meta    *Meta
	repeat  error // of the call that is repeated; nil if none is
}

// nilOption is the error for the option at index i of its list.
func nilOption(kind string, i int) error {
	return &errs.ClientError{Field: fmt.Sprintf("%s %d", kind, i+1), Problem: "is nil: leave it out"}
}

// WithIdempotencyKey gives the call its idempotency key, 1 to 64 visible ASCII
// characters. Without this option the idempotency layer makes one. Use it to
// repeat a call that may have been applied: with the same key it is applied once
// at most. Operations that change nothing, such as a GET, ignore it.
func WithIdempotencyKey(key string) Option {
	return func(o *options) { o.key, o.keySet = key, true }
}

// WithHeader sets a header of the call's requests, over what the layers would
// set. Headers that net/http takes from elsewhere, or that HTTP/2 forbids, are an
// [errs.ClientError]: Host, Content-Length, Transfer-Encoding, Trailer, Connection,
// Keep-Alive, Proxy-Connection, TE and Upgrade.
func WithHeader(name, value string) Option {
	return func(o *options) {
		if o.header == nil {
			o.header = make(http.Header)
		}
		o.header.Set(name, value)
	}
}

// WithTimeout bounds the whole call, with all its attempts and waits. When it
// ends an attempt, the error is an [errs.CanceledError] that matches
// [context.DeadlineExceeded]. A wait that would outlast it is not begun: that is
// an [errs.RetryExhaustedError] with the last failure. Of several timeouts the
// shortest holds. With 0 or less nothing is sent: the time is up at once.
func WithTimeout(d time.Duration) Option {
	return func(o *options) {
		if o.timeout == nil || d < *o.timeout {
			o.timeout = &d
		}
	}
}

// Meta is what is known of a successful call beside its document.
type Meta struct {
	Status int         // HTTP status
	Header http.Header // header of the response
	Key    string      // idempotency key that the call had; "" if it had none
}

// WithMeta fills meta in when the call succeeds.
func WithMeta(meta *Meta) Option {
	return func(o *options) { o.meta = meta }
}

// unsettable are headers that net/http would drop, or HTTP/2 refuse.
var unsettable = []string{"Connection", "Content-Length", "Host", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// checkHeader finds headers that can't be set.
func checkHeader(h http.Header) error {
	for _, name := range unsettable {
		if _, set := h[name]; !set {
			continue
		}
		if name == "Host" {
			return &errs.ClientError{Field: "header Host", Problem: "can't be set: name the host in the client's URL, or set req.Host in a layer of your own"}
		}
		return &errs.ClientError{Field: "header " + name, Problem: "can't be set: it belongs to the connection, and the base transport decides on it; leave it out"}
	}
	return nil
}
