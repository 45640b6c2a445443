package transport

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// Version is the version of this module. The identify layer sends it in
// X-Prefactor-SDK and User-Agent.
const Version = "0.1.0"

// Client sends API calls through a round tripper: a built [Stack], or any
// other. It is safe for concurrent use, and one is enough for an application's
// life.
type Client struct {
	base *url.URL // with the path at which the operations begin
	rt   http.RoundTripper
	next Next // of rt

	mu        sync.Mutex
	listeners atomic.Pointer[[]func(context.Context, *Answer)]
}

// NewClient returns a client for the API at baseURL, which may be given with or
// without "/api/v1", that sends through rt: a built [Stack], a bare
// [http.Transport] or a transport of your own. Results are decoded and errors
// typed over each of them. Redirects are not followed: each is an
// [errs.ContractError].
//
// NewClient adds no layers: without auth, rt must set the token; without
// idempotency, calls have only the keys that their callers give. A retry belongs
// on a stack, as middleware.Retry or, if it is another package's, in
// middleware.ForeignRetry: one that is hidden in rt repeats calls without a key,
// and the errors know nothing of its attempts.
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
	return &Client{base: base, rt: rt, next: nextOf(rt)}, nil
}

// With returns a client whose calls pass through layers, the outermost first,
// before they enter what c sends through. c itself stays as it is. Layers that
// can't stand there, such as those that act once an attempt or a second retry,
// are refused as by [Stack.RoundTripper].
func (c *Client) With(layers ...Layer) (*Client, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	rt, err := NewStack().PerCall(layers...).RoundTripper(c.rt)
	if err != nil {
		return nil, err
	}
	return &Client{base: c.base, rt: rt, next: nextOf(rt)}, nil
}

// OnAnswer calls fn with the answer of each later call of this client that
// succeeds, with the call's context and before the call returns: concurrently,
// where calls are concurrent. fn must be quick. A client without listeners
// pays nothing. OnAnswer panics if c or fn is nil.
func (c *Client) OnAnswer(fn func(ctx context.Context, answer *Answer)) {
	if c == nil || fn == nil {
		panic("transport.Client.OnAnswer: the client or fn is nil: call it on a client of NewClient, with a function")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []func(context.Context, *Answer)
	if before := c.listeners.Load(); before != nil {
		all = slices.Clone(*before)
	}
	all = append(all, fn)
	c.listeners.Store(&all)
}

// CloseIdleConnections closes the connections that no call uses. The client
// stays usable.
func (c *Client) CloseIdleConnections() {
	if c != nil {
		CloseIdleConnections(c.rt)
	}
}

// check finds a client that NewClient didn't make.
func (c *Client) check() error {
	if c == nil || c.base == nil {
		return &errs.ClientError{Field: "client", Problem: "is nil or empty: make it with transport.NewClient or resources.Open"}
	}
	return nil
}

// checkCall finds what no call can be made of.
func (c *Client) checkCall(ctx context.Context, op *operation, set []Option) error {
	if err := op.check(); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	if ctx == nil {
		return &errs.ClientError{Field: "context", Problem: "is nil: give the caller's context, or context.Background()"}
	}
	if i := slices.IndexFunc(set, func(o Option) bool { return o == nil }); i >= 0 {
		return nilOption("call option", i)
	}
	return nil
}

// do sends one call of op and returns its answer, whose Err is nil. Every error
// is an *errs.Error.
func (c *Client) do(ctx context.Context, op *operation, in Input, set []Option) (*Answer, error) {
	if err := c.checkCall(ctx, op, set); err != nil {
		return (&Call{op: op, started: time.Now()}).end(context.Background(), nil, err)
	}
	var opts options
	for _, o := range set {
		o(&opts)
	}
	if opts.timeout != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *opts.timeout)
		defer cancel()
	}
	carrier := &callContext{Context: ctx, call: Call{op: op, started: time.Now()}}
	call := &carrier.call

	req, err := c.request(carrier, in, &opts)
	if err == nil && ctx.Err() != nil {
		err = errs.NewCanceledError(ctx, nil)
	}
	if err != nil {
		c.refuse(carrier, err)
		return call.end(carrier, nil, err)
	}
	resp, err := c.next(req)
	answer, err := call.end(carrier, resp, err)
	if err != nil {
		return nil, err
	}
	if opts.meta != nil {
		*opts.meta = Meta{Status: answer.status, Header: answer.header, Key: call.Key()}
	}
	if listeners := c.listeners.Load(); listeners != nil {
		for _, fn := range *listeners {
			fn(ctx, answer)
		}
	}
	return answer, nil
}

// refuse shows a call that can't be sent to the layers that act once a call, such as
// logs and audits. What they make of it doesn't change the call's error.
func (c *Client) refuse(carrier *callContext, err error) {
	carrier.call.refusal = err
	target := *c.base
	target.Path += carrier.call.op.route.template
	if resp, err := c.next(newRequest(carrier, &target)); err == nil {
		_ = resp.Body.Close()
	}
}

// refusals is a part of every stack: it ends a call that can't be sent, after the
// layers that act once a call have seen it.
var refusals = NewLayerFunc("refusals", Anywhere, func(req *http.Request, next Next) (*http.Response, error) {
	if call := CallFrom(req.Context()); call != nil && call.refusal != nil {
		closeBody(req)
		return nil, call.refusal
	}
	return next(req)
})

// newRequest returns the request of a call, without a body.
func newRequest(carrier *callContext, target *url.URL) *http.Request {
	return (&http.Request{
		Method: carrier.call.op.method,
		URL:    target,
		Host:   target.Host,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, 8),
	}).WithContext(carrier)
}

// request makes the request of a call: everything that doesn't change from one
// attempt to the next.
func (c *Client) request(carrier *callContext, in Input, opts *options) (*http.Request, error) {
	call := &carrier.call
	target, err := c.target(call.op, in)
	if err != nil {
		return nil, err
	}
	if err := call.encode(in, opts); err != nil {
		return nil, err
	}
	if err := checkHeader(opts.header); err != nil {
		return nil, err
	}
	req := newRequest(carrier, target)
	if call.encoded != nil {
		setBody(req, call.encoded, call)
		call.body = req.Body
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range opts.header {
		req.Header[name] = values
	}
	if err := opts.setKey(req); err != nil {
		return nil, err
	}
	call.ready = true
	return req, nil
}

// setKey gives a request the caller's idempotency key.
func (o *options) setKey(req *http.Request) error {
	if safeMethod(req.Method) {
		req.Header.Del(KeyHeader)
		return nil
	}
	if o.keySet {
		if err := ValidateKey(o.key); err != nil {
			return err
		}
		req.Header.Add(KeyHeader, o.key) // a second one is found by SetKey
	}
	return SetKey(req, nil)
}

// encode checks the input of a call and encodes its body.
func (c *Call) encode(in Input, opts *options) (err error) {
	if opts.repeat != nil {
		return c.repeat(opts)
	}
	if in.Check != nil {
		if err := in.Check.Validate(); err != nil {
			return err
		}
	}
	if v, ok := in.Body.(Validator); ok {
		if err := v.Validate(); err != nil {
			return err
		}
	}
	switch body := in.Body.(type) {
	case nil:
	case Encoder:
		c.encoded, err = body.EncodeBody()
	default:
		c.encoded, err = encodeBody(body)
	}
	return err
}

// encodeBody returns the JSON of a body. Values that are meant as JSON text, or to
// be read, would be encoded as a string or as an empty object.
func encodeBody(body any) (jsontext.Value, error) {
	const remedy = ": give JSON text as a jsontext.Value or a json.RawMessage, or a value that encodes to an object"
	if _, reads := body.(io.Reader); reads {
		return nil, &errs.ClientError{Field: "body", Problem: "is an io.Reader, which is encoded and not read" + remedy}
	}
	text, err := rawjson.Encode(body)
	if err == nil && text.Kind() == '"' {
		return nil, &errs.ClientError{Field: "body", Problem: "encodes to a JSON string, as string and []byte do" + remedy}
	}
	return text, err
}

// target returns the URL of a call.
func (c *Client) target(op *operation, in Input) (*url.URL, error) {
	plain, escaped, err := op.route.path(in.Values)
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
