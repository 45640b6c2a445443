package errs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// ErrNetwork matches every [NetworkError], for [errors.Is].
var ErrNetwork = errors.New("prefactor: no response from the server")

// NetworkError means that no response arrived, or only a part of one: no
// connection, a reset, the time limit of an attempt, a body that was cut. It is
// a [net.Error].
//
// A layer of your own that limits the time of attempts cancels their context
// with a NetworkError as the cause. Other layers can then distinguish its limit
// from a cancellation by the caller.
type NetworkError struct {
	// Sent reports whether the request may have reached the server. It is
	// false only if that is certain: there was no connection, nothing was
	// written to it, or what is at the other end doesn't speak HTTP/1.
	Sent bool

	// RetryAfter is how long the server asked to wait, from the header of a
	// response whose body was cut. 0 if it didn't ask.
	RetryAfter time.Duration

	RequestID string // X-Request-Id of a response whose body was cut; may be empty
	Cause     error  // the transport's error
}

func (e *NetworkError) Error() string {
	text := "no connection to the server: " + textOf(e.Cause)
	if e.Sent {
		text = "no complete response from the server: " + textOf(e.Cause)
	}
	if advice := e.advice(); advice != "" {
		text += "; " + advice
	}
	return text
}

func (e *NetworkError) advice() string {
	if _, ok := errors.AsType[*ProxyError](e.Cause); ok {
		return "check the proxy and its credentials"
	}
	if advice := lasting(e.Cause); advice != "" || e.Sent {
		return advice
	}
	return "check the API URL and the network"
}

// Is reports whether target is [ErrNetwork].
func (e *NetworkError) Is(target error) bool { return target == ErrNetwork }

// Unwrap returns the transport's error.
func (e *NetworkError) Unwrap() error { return e.Cause }

// Timeout reports whether a time limit ran out.
func (e *NetworkError) Timeout() bool { return timeout(e.Cause) }

// Temporary is Timeout; [net.Error] asks for it.
func (e *NetworkError) Temporary() bool { return e.Timeout() }

var _ net.Error = (*NetworkError)(nil)

func timeout(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}

// NewCutError returns the [NetworkError] of a response that broke off in its body,
// with what its header says.
func NewCutError(h http.Header, cause error) *NetworkError {
	return &NetworkError{Sent: true, Cause: cause, RetryAfter: ParseRetryAfter(h), RequestID: requestID(h)}
}

// ProxyError is the cause of a [NetworkError] if a proxy refused to connect to
// the server. A base made by middleware.NewBase returns it.
type ProxyError struct {
	Status     int           // HTTP status of the proxy's response to CONNECT
	Reason     string        // its reason phrase
	RetryAfter time.Duration // how long the proxy asks to wait; 0 if it doesn't ask
}

func (e *ProxyError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the proxy answered CONNECT with %d %s", e.Status, Words(e.Reason)))
}

// Reach is how far a request got before its round trip failed.
type Reach int

// In ascending order.
const (
	ReachUnknown     Reach = iota // the round tripper doesn't report connections, and there is no body
	ReachUntouched                // no connection was asked for, and nothing of the body was read
	ReachRead                     // the round tripper reported no connection, but read the body
	ReachUnconnected              // there was no connection
	ReachConnected                // there was a connection, and nothing was written to it
	ReachWritten                  // it was written to a connection, at least in part
)

// FromBase returns the typed error for err, which the base round tripper
// returned for a request that got as far as reach:
//
//   - A [ClientError], if no transport would send the request.
//   - err itself, if it is of this package. The exception is the cause that ctx
//     was canceled with, which may be the error of another call.
//   - err itself, if the base didn't begin to send and err isn't clearly a
//     network error: the base may have failed to fetch a token.
//   - Otherwise a [NetworkError].
func FromBase(ctx context.Context, err error, reach Reach) error {
	if ctx == nil {
		ctx = context.Background()
	}
	cause := context.Cause(ctx)
	ended := ctx.Err() != nil && (errors.Is(err, cause) || errors.Is(err, ctx.Err()))
	if err == nil || outermost(err) != nil && !ended {
		return err
	}
	if limit, ok := cause.(*NetworkError); ok && ended && limit.Cause != nil { // of the attempt
		err = limit.Cause
	}
	if problem, ok := unsendable(err, reach); ok && !ended {
		return &ClientError{Field: "request", Problem: problem}
	}
	if reach <= ReachUntouched && !ended && !network(err) {
		return err
	}
	return &NetworkError{Sent: sent(err, reach), Cause: err}
}

// sent reports whether a request may have left the client.
func sent(err error, reach Reach) bool {
	if reach == ReachUnknown || reach == ReachRead {
		return !unsent(err)
	}
	return reach == ReachWritten && !otherProtocol(err)
}

// FromLayer returns the typed error for an error of a layer that may not know
// this package: a [NetworkError] if err is clearly a network error, otherwise
// err itself.
func FromLayer(err error) error {
	if err == nil || outermost(err) != nil || !network(err) {
		return err
	}
	return &NetworkError{Sent: !unsent(err), Cause: err}
}

// network reports whether err is clearly a network error.
func network(err error) bool {
	return lasting(err) != "" || ofConnection(err) || slices.ContainsFunc(brokenOff, func(known error) bool { return errors.Is(err, known) })
}

// brokenOff are the errors of Go for a connection that is gone.
var brokenOff = []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed}

// ofConnection reports whether an error in err's tree is one of a connection. A
// [url.Error] isn't by itself, and neither is an error of the system, which may
// be that of a file.
func ofConnection(err error) bool {
	switch e := err.(type) {
	case systemError:
		return slices.Contains(brokenConnection, e)
	case *url.Error:
		return ofConnection(e.Err)
	case net.Error:
		return true
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), ofConnection)
	case interface{ Unwrap() error }:
		return ofConnection(e.Unwrap())
	}
	return false
}

// unsent reports whether err by itself shows that the request never reached the
// server. If err joins several errors, each must show it.
func unsent(err error) bool {
	switch e := err.(type) {
	case *net.OpError:
		return e.Op == "dial" || e.Op == "proxyconnect"
	case *tls.CertificateVerificationError:
		return true
	case interface{ Unwrap() []error }:
		return len(e.Unwrap()) > 0 && !slices.ContainsFunc(e.Unwrap(), func(part error) bool { return !unsent(part) })
	case interface{ Unwrap() error }:
		return e.Unwrap() != nil && unsent(e.Unwrap())
	}
	return withoutTLS(err) || otherProtocol(err) || distrusts(err, "") != "" ||
		err.Error() == "net/http: TLS handshake timeout" // net/http doesn't export its type
}

// unsendable recognizes a request that net/http refuses to send, by the
// beginning of the error's text, because these errors have no types (Go 1.26).
// A server or proxy may send the same words, so a text counts only where no
// write was reported.
func unsendable(err error, reach Reach) (problem string, ok bool) {
	var beginnings []string
	switch reach {
	case ReachUnknown, ReachUntouched, ReachRead:
		beginnings = []string{"unsupported protocol scheme", "net/http: invalid header field",
			"net/http: invalid method", "http: no Host in request URL", "http: nil Request"}
	case ReachConnected:
		beginnings = []string{"http2: invalid", "http2: request header list larger"}
	}
	if failed, ok := err.(*url.Error); ok && failed.Err != nil { // of a base made of an http.Client
		err = failed.Err
	}
	text := err.Error()
	for _, beginning := range beginnings {
		if strings.HasPrefix(text, beginning) {
			return "can't be sent (" + Words(text) + ")", true
		}
	}
	return "", false
}
