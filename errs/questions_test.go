package errs_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
)

func TestQuestions(t *testing.T) {
	t.Parallel()
	response := func(status int) error { return errs.FromResponse(status, nil, []byte(`{"status":"error"}`)) }
	page := func(status int) error { return errs.FromResponse(status, nil, []byte("<html>")) }
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	reset := &net.OpError{Op: "read", Net: "tcp", Err: errReset}
	for _, tt := range []struct {
		name                                string
		err                                 error
		retryable, fromServer, maybeApplied bool
	}{
		{"429", response(429), true, true, false},
		{"500", response(500), true, true, true},
		{"501", response(501), false, true, true},
		{"503", response(503), true, true, true},
		{"505", response(505), false, true, true},
		{"400", response(400), false, true, false},
		{"401", response(401), false, true, false},
		{"409", response(409), false, true, false},
		{"redirect", response(302), false, false, true},
		{"page under 503", page(503), true, false, true},
		{"page under 404", page(404), false, false, true},
		{"page under 413", page(413), false, false, false},
		{"page under 429", page(429), true, false, false},
		{"404 without a body", errs.FromResponse(404, nil, nil), false, true, true},
		{"404 with another document", errs.FromResponse(404, nil, []byte(`{"message":"no route"}`)), false, true, true},
		{"429 without a body", errs.FromResponse(429, nil, nil), true, true, false},
		{"broken 200", errs.NewContractError(200, nil, "its body is empty", nil, nil), false, false, true},
		{"too large 503", errs.NewContractError(503, nil, "its body is too large", nil, errs.ErrTooLarge), false, false, true},
		{"error under 200", errs.FromResponse(200, nil, []byte(`{"status":"error","code":"not_found"}`)), false, true, false},
		{"reset", errs.FromBase(t.Context(), reset, errs.ReachRead), true, false, true},
		{"raw reset, from a foreign layer", fmt.Errorf("mesh: %w", reset), true, false, false},
		{"refused", errs.FromBase(t.Context(), &net.OpError{Op: "dial", Err: errRefused}, errs.ReachRead), true, false, false},
		{"refused, wrapped by a foreign layer", fmt.Errorf("mesh: %w", errs.FromBase(t.Context(), &net.OpError{Op: "dial", Err: errRefused}, errs.ReachRead)), true, false, false},
		{"proxy refused", errs.FromBase(t.Context(), &net.OpError{Op: "proxyconnect", Err: io.EOF}, errs.ReachRead), true, false, false},
		{"TLS handshake timeout", errs.FromBase(t.Context(), errors.New("net/http: TLS handshake timeout"), errs.ReachRead), true, false, false},
		{"unknown authority", errs.FromBase(t.Context(), &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, errs.ReachRead), false, false, false},
		{"wrong host", errs.FromBase(t.Context(), x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h"}, errs.ReachRead), false, false, false},
		{"untyped error of the base", errs.FromBase(t.Context(), errors.New("http2: server sent GOAWAY"), errs.ReachRead), true, false, true},
		{"bad scheme", errs.FromBase(t.Context(), errors.New(`unsupported protocol scheme "ftp"`), errs.ReachRead), false, false, false},
		{"refusal by a foreign layer", errors.New("policy says no"), false, false, false},
		{"rejected", &errs.RejectedError{Layer: "breaker", Cause: reset}, false, false, false},
		{"client", &errs.ClientError{Field: "id", Problem: "is empty"}, false, false, false},
		{"canceled", errs.NewCanceledError(canceled, response(503)), false, false, true},
		{"canceled after a refusal", errs.NewCanceledError(canceled, response(429)), false, false, true},
		{"exhausted, the last not sent", &errs.RetryExhaustedError{Attempts: []errs.Attempt{{Err: errs.FromBase(t.Context(), reset, errs.ReachRead)}},
			Last: errs.FromBase(t.Context(), &net.OpError{Op: "dial", Err: errRefused}, errs.ReachRead)}, true, false, true},
		{"refused in bulk", errs.FromDocument(0, errs.Document{Status: "error", Code: "bad_authtoken"}), false, true, false},
		{"rate limited in bulk", errs.FromDocument(0, errs.Document{Status: "error", Code: "rate_limited"}), true, true, false},
		{"refused here, reset there", errs.FromBase(t.Context(), errors.Join(&net.OpError{Op: "dial", Err: errRefused}, reset), errs.ReachRead), true, false, true},
		{"refused everywhere", errs.FromBase(t.Context(), errors.Join(&net.OpError{Op: "dial", Err: errRefused}, &net.OpError{Op: "dial", Err: errUnreachable}), errs.ReachRead), true, false, false},
		{"no TLS at the other end", errs.FromBase(t.Context(), tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake", Conn: &net.TCPConn{}}, errs.ReachRead), false, false, false},
		{"no TLS at the other end of an http.Client", errs.FromBase(t.Context(), &url.Error{Op: "Post", URL: "https://h", Err: http.ErrSchemeMismatch}, errs.ReachRead), false, false, false},
		{"TLS at the other end of an http.Client", errs.FromBase(t.Context(), &url.Error{Op: "Post", URL: "http://h", Err: errors.New(`malformed HTTP response "\x15\x03\x01"`)}, errs.ReachRead), false, false, false},
		{"TLS at the other end", errs.FromBase(t.Context(), errors.New(`malformed HTTP response "\x15\x03\x01"`), errs.ReachWritten), false, false, false},
		{"HTTP/2 at the other end", errs.FromBase(t.Context(), errors.New(`malformed HTTP response "\x00\x00\x06\x04\x00"`), errs.ReachWritten), false, false, false},
		{"garbage at the other end", errs.FromBase(t.Context(), errors.New(`malformed HTTP response "\x00\x00\x06\x05\x00"`), errs.ReachWritten), true, false, true},
		{"TLS, as a header has it", errs.FromBase(t.Context(), errors.New(`malformed MIME header line: malformed HTTP response "\x15\x03\x01"`), errs.ReachWritten), true, false, true},
		{"the caller's name server doesn't know the host", &net.DNSError{IsNotFound: true}, false, false, false},
		{"the caller's name server is busy", &net.DNSError{IsTemporary: true}, true, false, false},
		{"broken TLS record", errs.FromBase(t.Context(), tls.RecordHeaderError{Msg: "oversized record received"}, errs.ReachRead), true, false, true},
		{"net/http's text, sent by the server", errs.FromBase(t.Context(), errors.New(`malformed MIME header line: no Host in request URL`), errs.ReachRead), true, false, true},
		{"net/http's other text, sent by the server", errs.FromBase(t.Context(), errors.New(`malformed MIME header line: net/http: TLS handshake timeout`), errs.ReachRead), true, false, true},
		{"exhausted", &errs.RetryExhaustedError{Last: response(503)}, true, true, true},
		{"a deadline of nobody's", context.DeadlineExceeded, false, false, false},
		{"a wrapped deadline", fmt.Errorf("mesh: %w", &url.Error{Op: "Get", Err: context.DeadlineExceeded}), false, false, false},
		{"a deadline beside a reset", errors.Join(reset, context.DeadlineExceeded), false, false, false},
		{"a deadline of the net package", fmt.Errorf("mesh: %w", os.ErrDeadlineExceeded), true, false, false},
		{"the deadline of an attempt", &errs.NetworkError{Sent: true, Cause: context.DeadlineExceeded}, true, false, true},
		{"token source failed", &errs.AuthError{APIError: &errs.APIError{}, Cause: reset}, false, false, false},
		{"nil", nil, false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := errs.Retryable(tt.err); got != tt.retryable {
				t.Errorf("Retryable is %t", got)
			}
			if got := errs.FromServer(tt.err); got != tt.fromServer {
				t.Errorf("FromServer is %t", got)
			}
			if got := errs.MaybeApplied(tt.err); got != tt.maybeApplied {
				t.Errorf("MaybeApplied is %t", got)
			}
		})
	}
}

func TestMaybeAppliedOfACallIsThatOfItsError(t *testing.T) {
	t.Parallel()
	refused := errs.FromResponse(409, nil, nil)
	err := fmt.Errorf("saving: %w", &errs.Error{MaybeApplied: true, Err: refused})
	if !errs.MaybeApplied(err) {
		t.Error("MaybeApplied is false, but an earlier attempt may have been applied")
	}
}

// In an errgroup the failure of one call cancels the context of the others, and
// net/http returns the cause as its own error.
func TestTheCauseOfACancellationIsNotTheFailureOfTheCall(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	other := &errs.Error{Err: errs.FromResponse(404, nil, nil)}
	cancel(other)
	err := errs.FromBase(ctx, other, errs.ReachRead)
	if !errors.Is(err, errs.ErrNetwork) || !errs.MaybeApplied(err) || errs.FromServer(err) {
		t.Errorf("got %v", err)
	}
}

// Errors of net/http without an exported type are recognized by their text.
// This test fails if a text changes.
func TestErrorsOfNetHTTPAreRecognized(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	send := func(method, target string, header ...string) error {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		req := &http.Request{Method: method, URL: u, Header: http.Header{}}
		if len(header) > 0 {
			req.Header[header[0]] = []string{header[1]}
		}
		resp, err := new(http.Transport).RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		return errs.FromBase(t.Context(), err, errs.ReachRead)
	}
	for name, err := range map[string]error{
		"scheme":       send("GET", "ftp://h/"),
		"no host":      send("GET", "http:///x"),
		"method":       send("a b", "http://h/"),
		"header name":  send("GET", "http://h/", "a b", "c"),
		"header value": send("GET", "http://h/", "A", "b\nc"),
	} {
		if !errors.Is(err, errs.ErrClient) {
			t.Errorf("%s: %v is not a ClientError", name, err)
		}
	}
	if err := send("GET", server.URL); !errors.Is(err, errs.ErrNetwork) || errs.Retryable(err) || errs.MaybeApplied(err) {
		t.Errorf("an untrusted certificate gave %v", err)
	}
}

// gone is an error of another package that says so itself.
type gone struct{}

func (gone) Error() string        { return "the tunnel is gone" }
func (gone) Is(target error) bool { return target == net.ErrClosed }

// Whether an error is the network's is a question for errors.Is, too.
func TestAnErrorThatMatchesAClosedConnectionIsOfTheNetwork(t *testing.T) {
	t.Parallel()
	for _, err := range []error{gone{}, fmt.Errorf("mesh: %w", gone{}), &url.Error{Op: "Post", URL: "https://h", Err: gone{}}, errors.Join(errors.New("x"), gone{})} {
		if got := errs.FromBase(t.Context(), err, errs.ReachUntouched); errs.KindOf(got) != errs.KindNetwork {
			t.Errorf("%v is %s", err, errs.KindOf(got))
		}
	}
}
