package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
)

// Answer is a response whose body was read, and what was learned from it. It is
// the Body of the response, from which the same bytes can be read once more:
// layers that don't know it see plain HTTP.
//
// An Answer belongs to whoever has the response; it is not safe for concurrent
// use.
type Answer struct {
	status   int
	header   http.Header
	body     []byte
	readErr  error       // why the body couldn't be read to its end
	unstated bool        // nothing said how long the body would be
	streamed bool        // the body was left alone
	source   http.Header // of the response that the body was read from

	call   *Call
	value  any
	reason errs.Reason

	judged   bool
	err      error
	judgedBy http.Header // what err was made from, if there is one

	rest []byte // what is still to be read from the Answer as a body
}

// reading is what was made of a response's bytes. It is immutable: it holds for
// any response with the same status and bytes in the same call, and its err for
// one with the same header.
type reading struct {
	status int
	body   []byte
	value  any
	reason errs.Reason
	err    error
	header http.Header
}

// Read returns the answer of a response. It reads the body to its end, up to
// [MaxAnswer] bytes, or 1 MiB if the status is 300 or above, closes it, and puts
// the Answer in its place. A response that was read before gives the same Answer,
// even if another layer has wrapped its body. Outside an API call only JSON bodies
// within the bound are read; all others keep streaming.
//
// Read never fails: what went wrong is the Answer's Err. So is a nil response.
func Read(req *http.Request, resp *http.Response) *Answer {
	return ReadLimit(req, resp, MaxAnswer)
}

// ReadLimit is [Read] with a bound of limit bytes.
func ReadLimit(req *http.Request, resp *http.Response, limit int64) *Answer {
	return read(contextOf(req), resp, limit)
}

func contextOf(req *http.Request) context.Context {
	if req == nil {
		return context.Background()
	}
	return req.Context()
}

// read is [ReadLimit] for a request with the context ctx.
func read(ctx context.Context, resp *http.Response, limit int64) *Answer {
	call := CallFrom(ctx)
	if resp == nil {
		return &Answer{call: call, readErr: errNeither}
	}
	limit = call.bound(min(limit, math.MaxInt64-1))
	if resp.StatusCode >= 300 {
		limit = min(limit, maxErrorDocument)
	}
	if a, ok := resp.Body.(*Answer); ok {
		return a.rebind(resp, call)
	}
	a := &Answer{status: resp.StatusCode, header: resp.Header, source: resp.Header, call: call}
	if resp.Body == nil { // made by hand
		resp.Body = http.NoBody
	}
	a.unstated = resp.ContentLength < 0 && resp.Body != http.NoBody
	if call == nil && !bufferable(resp, limit) {
		a.streamed = true
		return a
	}
	a.body, a.readErr = readAll(resp, limit)
	if call == nil && errors.Is(a.readErr, errs.ErrTooLarge) {
		resp.Body = &prefixed{Reader: io.MultiReader(bytes.NewReader(a.body), resp.Body), Closer: resp.Body}
		a.body, a.readErr, a.streamed = nil, nil, true
		return a
	}
	_ = resp.Body.Close()
	if a.readErr != nil {
		a.readErr = a.readError(ctx, limit)
	}
	a.rest = a.body
	if a.body = errs.TrimMark(a.body); len(bytes.TrimLeft(a.body, " \t\r\n")) == 0 {
		a.body = nil
	}
	a.recall()
	resp.Body = a
	return a
}

// Conclude marks a response as the last that a retry layer returns, with the
// reason why it stopped. [Client] makes an [errs.RetryExhaustedError] of it. A
// response that streams can't be marked.
func Conclude(resp *http.Response, reason errs.Reason) {
	if resp == nil {
		return
	}
	a, ok := resp.Body.(*Answer)
	if !ok {
		return
	}
	a.reason = reason
	a.remember()
}

// Operation returns the name of the call's operation; "" without a call.
func (a *Answer) Operation() string { return a.call.Operation() }

// Status returns the HTTP status.
func (a *Answer) Status() int { return a.status }

// Header returns the response's header. It must not be changed.
func (a *Answer) Header() http.Header { return a.header }

// Document returns the body's bytes, without a byte order mark; nil if the body
// is blank or streams. They must not be changed.
func (a *Answer) Document() jsontext.Value { return a.body }

// Model returns what the operation's document was decoded into, such as a
// *spans.Span; nil before [Answer.Err] has found a success, and without a call. It
// belongs to the caller of the operation and must not be changed.
func (a *Answer) Model() any { return a.value }

// Err returns what the response means: nil for a success, an [errs.NetworkError]
// if the body was cut, an [errs.ContractError] if it isn't what the operation
// promises, or the error that the server reports.
func (a *Answer) Err() error {
	if a.judged {
		return a.err
	}
	a.judged, a.err = true, a.judge()
	if a.err != nil {
		a.judgedBy = a.header.Clone()
		a.asked()
	}
	if a.readErr == nil && (a.err != nil || a.value != nil) {
		a.remember()
	}
	return a.err
}

// asked enters the wait that the error asks for into the call's waits.
func (a *Answer) asked() {
	if wait, ok := errs.RetryAfter(a.err); ok {
		a.call.ask(wait)
	}
}

func (a *Answer) judge() error {
	success := a.status >= 200 && a.status < 300
	switch {
	case a.readErr != nil:
		return a.readErr
	case a.call != nil && success:
		return a.decode()
	case a.call == nil && a.status < 400 && !success:
		return nil // for the caller's http.Client: a redirect, a 304
	}
	return errs.FromResponse(a.status, a.header, a.body)
}

// decode makes the operation's document of the body, unless it is there
// already.
func (a *Answer) decode() error {
	if a.value != nil {
		return nil
	}
	if len(a.body) == 0 {
		return a.empty()
	}
	value, err := a.call.op.decode(a.body)
	if err != nil {
		return errs.FromBody(a.status, a.header, a.body, err)
	}
	a.value = value
	return nil
}

// empty returns what a success without a document means. If nothing said that the
// body would be empty, it may have been cut.
func (a *Answer) empty() error {
	switch {
	case a.call.op.emptyOK:
		return nil
	case a.unstated && len(a.rest) == 0:
		return errs.NewCutError(a.header, io.ErrUnexpectedEOF)
	}
	return errs.NewContractError(a.status, a.header, "its body is empty", nil, nil)
}

// remember keeps what was made of the bytes, for [Answer.recall].
func (a *Answer) remember() {
	if a.call != nil {
		a.call.latest.Store(&reading{status: a.status, body: a.body, value: a.value, reason: a.reason, err: a.err, header: a.judgedBy})
	}
}

// recall takes over what was made of the same bytes before, in the same call: by
// an earlier attempt, or where the Answer that held it is hidden behind the body of
// another layer. An error is taken over if the header is the same too.
func (a *Answer) recall() {
	if a.call == nil {
		return
	}
	r := a.call.latest.Load()
	if r == nil || r.status != a.status || !bytes.Equal(r.body, a.body) {
		return
	}
	a.reason = r.reason
	if a.readErr != nil {
		return
	}
	a.value = r.value
	if r.err != nil && sameHeader(r.header, a.header) {
		a.judged, a.err, a.judgedBy = true, r.err, r.header
		a.asked()
	}
}

func sameHeader(a, b http.Header) bool { return maps.EqualFunc(a, b, slices.Equal) }

// rebind makes the Answer one of resp, which a layer may have changed around it.
func (a *Answer) rebind(resp *http.Response, call *Call) *Answer {
	if a.status != resp.StatusCode || a.call != call {
		a.status, a.value, a.reason, a.judged = resp.StatusCode, nil, "", false
	}
	if a.err != nil && !sameHeader(a.judgedBy, resp.Header) {
		a.judged = false
	}
	a.header, a.call = resp.Header, call
	return a
}

// readError types an error from reading the body. One that is typed already, as
// when the Answer of an earlier reading ended in it, stays.
func (a *Answer) readError(ctx context.Context, limit int64) error {
	if errors.Is(a.readErr, errs.ErrTooLarge) {
		return a.tooLarge(limit)
	}
	if exhausted, ok := errors.AsType[*errs.RetryExhaustedError](a.readErr); ok {
		a.readErr = exhausted.Last
	}
	cause := a.readErr
	if ctx.Err() != nil {
		cause = context.Cause(ctx)
		if limit, ok := attemptLimit(ctx); ok {
			cause = limit
		}
	} else if errors.Is(a.readErr, errs.ErrNetwork) {
		return a.readErr
	}
	return errs.NewCutError(a.header, cause)
}

func (a *Answer) tooLarge(limit int64) error {
	if contract, ok := errors.AsType[*errs.ContractError](a.readErr); ok {
		return contract
	}
	return errs.NewContractError(a.status, a.header, fmt.Sprintf("its body is larger than %d bytes", limit), a.body, errs.ErrTooLarge)
}

// Read reads the body's bytes, as they came, and ends as it ended.
func (a *Answer) Read(p []byte) (int, error) {
	if len(a.rest) == 0 {
		return 0, a.ending()
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// ending returns the error with which the body ends. A layer that reads the last
// response of a retry may return it in place of the response.
func (a *Answer) ending() error {
	switch {
	case a.readErr == nil:
		return io.EOF
	case a.reason != "":
		return &errs.RetryExhaustedError{Reason: a.reason, Attempts: a.call.Attempts(), Last: a.readErr}
	}
	return a.readErr
}

// Close does nothing: the connection was returned when the body was read.
func (a *Answer) Close() error { return nil }
