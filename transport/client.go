package transport

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
)

// Client sends API calls through a round tripper: a built [Stack], or any
// other. It is safe for concurrent use, and one serves for an application's
// life.
type Client struct {
	base *url.URL // with the path at which the operations begin
	rt   http.RoundTripper
}

// NewClient returns a client for the API at baseURL, which may be given with or
// without "/api/v1", that sends through rt. Rt may be a built [Stack], a bare
// [http.Transport] or a transport of your own: results are decoded and errors
// typed over each of them. Redirects are not followed: each is an
// [errs.ContractError].
//
// What rt lacks nobody adds: without the auth layer it must bring the token
// itself, and without the idempotency layer a call has the caller's key or none.
// A retry belongs on a stack, as a layer marked [Layer.Retrying]: one that is
// hidden in rt repeats calls without a key, and [errs.MaybeApplied] can't know of
// its attempts.
func NewClient(baseURL string, rt http.RoundTripper) (*Client, error) {
	base, err := ParseAPIURL(baseURL)
	if err != nil {
		return nil, err
	}
	if _, ok := As[*built](rt); !ok {
		if rt, err = NewStack().RoundTripper(rt); err != nil {
			return nil, err
		}
	}
	return &Client{base: base, rt: rt}, nil
}

// With returns a client whose calls pass through layers, the outermost first,
// before they enter what c sends through. C itself stays as it is. Layers that
// can't stand there, such as those that act once an attempt or a second retry,
// are refused as by [Stack.RoundTripper].
func (c *Client) With(layers ...Layer) (*Client, error) {
	rt, err := NewStack().PerCall(layers...).RoundTripper(c.rt)
	if err != nil {
		return nil, err
	}
	return &Client{base: c.base, rt: rt}, nil
}

// CloseIdleConnections closes the connections that no call uses. The client
// stays usable.
func (c *Client) CloseIdleConnections() { CloseIdleConnections(c.rt) }

// do sends one call of op and returns its answer, whose Err is nil. Every error
// is an *errs.Error.
func (c *Client) do(ctx context.Context, op *operation, in Input, set []Option) (*Answer, error) {
	var opts options
	for _, o := range set {
		o(&opts)
	}
	if opts.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, opts.timeout)
		defer cancel()
	}
	carrier := &callContext{Context: ctx, call: Call{op: op, started: time.Now()}}
	call := &carrier.call

	req, err := c.request(carrier, in, &opts)
	if err != nil {
		return nil, call.failed(ctx, 0, err)
	}
	if ctx.Err() != nil {
		return nil, call.failed(ctx, 0, errs.NewCanceledError(ctx, nil))
	}
	resp, err := Send(c.rt, req)
	if err != nil {
		return nil, call.failed(ctx, 0, err)
	}
	answer := read(carrier, resp, MaxAnswer)
	if err := answer.Err(); err != nil {
		if answer.status < 300 && errs.FromServer(err) && call.answered.Load() {
			call.settle() // a refusal under 2xx
		}
		if answer.reason != "" {
			err = &errs.RetryExhaustedError{Reason: answer.reason, Attempts: call.Attempts(), Last: err}
		}
		return nil, call.failed(ctx, answer.status, err)
	}
	if opts.meta != nil {
		*opts.meta = Meta{Status: answer.status, Header: answer.header, Key: call.Key()}
	}
	return answer, nil
}

// request makes the request of a call: everything that doesn't change from one
// attempt to the next.
func (c *Client) request(carrier *callContext, in Input, opts *options) (*http.Request, error) {
	op := carrier.call.op
	target, err := c.target(op, in)
	if err != nil {
		return nil, err
	}
	req := (&http.Request{
		Method: op.method,
		URL:    target,
		Host:   target.Host,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, 8),
	}).WithContext(carrier)

	call := &carrier.call
	if v, ok := in.Body.(Validator); ok {
		if err := v.Validate(); err != nil {
			return nil, err
		}
	}
	if in.Body != nil {
		if call.encoded, err = encode(in.Body); err != nil {
			return nil, err
		}
		setBody(req, call.encoded)
		call.body = req.Body
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range opts.header {
		req.Header[name] = values
	}
	if opts.keySet && !SafeMethod(op.method) {
		if err := ValidateKey(opts.key); err != nil {
			return nil, err
		}
		req.Header.Add(KeyHeader, opts.key) // a second one is found by SetKey
	}
	if SafeMethod(op.method) {
		req.Header.Del(KeyHeader)
	}
	return req, SetKey(req, nil)
}

// target returns the URL of a call.
func (c *Client) target(op *operation, in Input) (*url.URL, error) {
	plain, escaped, err := op.path(in.Values)
	if err != nil {
		return nil, err
	}
	target := *c.base
	target.Path += plain
	if escaped != plain || c.base.RawPath != "" {
		target.RawPath = c.base.EscapedPath() + escaped
	}
	target.RawQuery = in.Query.Encode()
	return &target, nil
}

// exactNumbers encodes a number of encoding/json as what it is; its type is a
// string to encoding/json/v2.
var exactNumbers = json.MarshalToFunc(func(enc *jsontext.Encoder, n stdjson.Number) error {
	return enc.WriteValue(jsontext.Value(n))
})

// encode returns v as JSON, the same bytes for the same value: maps are sorted,
// so that a call that is repeated with its key has the body that it had. Text
// that isn't UTF-8, such as one that was cut within a character, is mended and
// no reason to lose a call. A number of encoding/json keeps its digits.
func encode(v any) ([]byte, error) {
	buffer := bytes.NewBuffer(make([]byte, 0, 512)) // enough for most bodies
	if err := json.MarshalWrite(buffer, v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true), json.WithMarshalers(exactNumbers)); err != nil {
		return nil, &errs.ClientError{Field: fieldOf(err), Problem: "can't be encoded as JSON: " + err.Error()}
	}
	return buffer.Bytes(), nil
}
