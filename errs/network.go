package errs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
)

// ErrNetwork matches every [NetworkError], for [errors.Is].
var ErrNetwork = errors.New("prefactor: no answer from the server")

// NetworkError means that there was no answer, or not a whole one: no
// connection, a reset, a time limit of one attempt, a body cut half-way. It is
// a [net.Error].
type NetworkError struct {
	// Sent tells that the request may have reached the server. It is false only
	// where that is sure: no connection was made (dial, TLS handshake, proxy
	// CONNECT).
	Sent bool

	Cause error // the transport's error
}

func (e *NetworkError) Error() string {
	if e.Sent {
		return "no whole answer from the server: " + withoutQuery(e.Cause)
	}
	if untrusted(e.Cause) {
		return fmt.Sprintf("no connection to the server: %s; give the base transport your certificate authority, as with transport.NewBase", withoutQuery(e.Cause))
	}
	return fmt.Sprintf("no connection to the server: %s; check the API URL and the network", withoutQuery(e.Cause))
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

// FromBase types an error of the base round tripper, which stands at the
// network, of a request with the context ctx: a [NetworkError], or a
// [ClientError] for a request that no transport would send. An error that is of
// this package already comes back as it is, unless it is but the cause with
// which ctx ended, which may be another call's error.
func FromBase(ctx context.Context, err error) error {
	ended := ctx.Err() != nil && errors.Is(err, context.Cause(ctx))
	if err == nil || typed(err) && !ended {
		return err
	}
	if problem, ok := unsendable(err); ok {
		return &ClientError{Field: "request", Problem: problem}
	}
	return &NetworkError{Sent: !unsent(err), Cause: err}
}

// FromLayer types an error of a layer that may not know this package: what is
// plainly of the network becomes a [NetworkError], anything else comes back as
// it is.
func FromLayer(err error) error {
	if err == nil || typed(err) || !network(err) {
		return err
	}
	return &NetworkError{Sent: !unsent(err), Cause: err}
}

// typed reports whether a kind of this package is in err's chain.
func typed(err error) bool { return outermost(err) != nil }

// network reports whether err is plainly an error of the network.
func network(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, known := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed,
		syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.ECONNABORTED, syscall.EPIPE} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// unsent reports whether it is sure that a request which failed with err never
// left the client: there was no connection. Of several errors each must say so.
func unsent(err error) bool {
	switch e := err.(type) {
	case *net.OpError:
		return e.Op == "dial" || e.Op == "proxyconnect"
	case tls.RecordHeaderError:
		return e.Conn != nil // set before the handshake only
	case *tls.CertificateVerificationError, x509.UnknownAuthorityError, x509.CertificateInvalidError, x509.HostnameError:
		return true
	case interface{ Unwrap() []error }:
		return len(e.Unwrap()) > 0 && !slices.ContainsFunc(e.Unwrap(), func(part error) bool { return !unsent(part) })
	case interface{ Unwrap() error }:
		return e.Unwrap() != nil && unsent(e.Unwrap())
	}
	// The type of this one isn't exported by net/http.
	return err.Error() == "net/http: TLS handshake timeout"
}

// untrusted reports whether err means that the server's certificate was
// refused.
func untrusted(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.HostnameError](err)
	return ok
}

// unsendable recognizes what net/http refuses before it sends, by how these
// errors begin, for they have no types. What follows may be the server's words.
func unsendable(err error) (problem string, ok bool) {
	text := err.Error()
	for _, beginning := range []string{"unsupported protocol scheme", "net/http: invalid header field",
		"net/http: invalid method", "http: no Host in request URL", "http: nil Request"} {
		if strings.HasPrefix(text, beginning) {
			return "can't be sent (" + text + ")", true
		}
	}
	return "", false
}
