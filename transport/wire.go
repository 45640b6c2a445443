package transport

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/prefactordev/prefactor-go/errs"
)

// wire stands between the innermost layer and the base. It enters every send
// into the call's ledger and its waits, and types the base's errors.
type wire struct {
	base   http.RoundTripper
	traits baseTraits
}

func newWire(base http.RoundTripper) *wire { return &wire{base, traitsOf(base)} }

func (w *wire) Unwrap() http.RoundTripper { return w.base }

func (w *wire) CloseIdleConnections() { CloseIdleConnections(w.base) }

// RoundTrip copies the request, which belongs to the caller.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	return w.send(req.WithContext(req.Context()))
}

// send is a [Next].
func (w *wire) send(req *http.Request) (*http.Response, error) {
	ctx, body := req.Context(), req.Body
	if ctx.Err() != nil {
		closeBody(req)
		return nil, errs.FromBase(ctx, context.Cause(ctx), errs.ReachUntouched)
	}
	call := CallFrom(ctx)
	s, traced := call.account().begin(ctx, w.traits)
	if traced != ctx {
		req = req.WithContext(traced)
	}
	if !CanRepeat(req) {
		w.sendOnce(req)
	}
	resp, err := either(w.base.RoundTrip(req))
	if err != nil {
		err = s.lost(ctx, err, body)
		wait, _ := errs.RetryAfter(err) // a proxy's
		call.ask(wait)
		return nil, err
	}
	if isElsewhere(req, resp) {
		_ = resp.Body.Close()
		s.answered(resp, false)
		return nil, errs.NewElsewhereError(resp.StatusCode, req.URL, resp.Request.URL)
	}
	if resp.StatusCode >= 300 {
		call.ask(errs.ParseRetryAfter(resp.Header))
	}
	s.answered(resp, errs.Refused(resp.StatusCode) || call != nil && refuses(resp))
	return resp, nil
}

// isElsewhere reports whether a response is to another request than the one that
// was sent, as behind a base that follows redirects, also those to the same URL.
func isElsewhere(req *http.Request, resp *http.Response) bool {
	got := resp.Request
	if got == nil || got.URL == nil {
		return false
	}
	followed := got.Response != nil && got.Response != req.Response // by the base, not by an http.Client around the stack
	if followed || cmp.Or(got.Method, http.MethodGet) != cmp.Or(req.Method, http.MethodGet) {
		return true
	}
	a, b := req.URL, got.URL
	return !strings.EqualFold(a.Scheme, b.Scheme) || !strings.EqualFold(a.Host, b.Host) || a.RequestURI() != b.RequestURI()
}

// sendOnce changes a request that must not be repeated such that nothing below
// can do so by itself. HTTP/2 repeats a request that was refused if it has GetBody
// or no body, although proxies refuse requests that were carried out. So does
// HTTP/1, for a connection that broke, if the header has an X-Idempotency-Key.
func (w *wire) sendOnce(req *http.Request) {
	req.GetBody = nil
	_, elsewhere := req.Header["X-Idempotency-Key"]
	if (req.Body == nil || req.Body == http.NoBody) && (req.URL.Scheme == "https" || w.traits.h2c || elsewhere) {
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader("")), 0
	}
}

// refuses reports whether a 4xx response is an error document of the API's own,
// and not a gateway's, which may have put it in place of the API's response. The
// body is read up to maxErrorDocument for it, and put back.
func refuses(resp *http.Response) bool {
	if resp.StatusCode < 400 || resp.StatusCode >= 500 {
		return false
	}
	document, err := readAll(resp, maxErrorDocument)
	if err != nil {
		resp.Body = &prefixed{Reader: io.MultiReader(bytes.NewReader(document), &rest{resp.Body, err}), Closer: resp.Body}
		return false
	}
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(document))
	d, err := errs.ParseDocument(document)
	return err == nil && d.Status == "error"
}

// rest is what is left of a body whose reading stopped with err.
type rest struct {
	body io.Reader
	err  error
}

func (r *rest) Read(p []byte) (int, error) {
	if r.err == errs.ErrTooLarge { // there is more to read
		return r.body.Read(p)
	}
	return 0, r.err
}
