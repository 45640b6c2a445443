package transport

import (
	"net/http"
	"time"
)

// Option changes one call.
type Option func(*options)

type options struct {
	key     string
	keySet  bool
	header  http.Header
	timeout time.Duration
	meta    *Meta
}

// WithIdempotencyKey gives the call its idempotency key, 1 to 64 visible ASCII
// characters. Without this option the idempotency layer makes one. Use it to
// repeat a call that may have been applied: with the same key it is applied once
// at most. Operations that change nothing, such as a GET, ignore it.
func WithIdempotencyKey(key string) Option {
	return func(o *options) { o.key, o.keySet = key, true }
}

// WithHeader sets a header of the call's requests, over what the layers would
// set.
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
// an [errs.RetryExhaustedError] with the last failure. 0 or less ends the call at
// once.
func WithTimeout(d time.Duration) Option {
	return func(o *options) {
		if o.timeout == 0 || d < o.timeout {
			o.timeout = max(d, 1)
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
