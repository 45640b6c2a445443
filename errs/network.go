package errs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
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
		return fmt.Sprintf("no whole answer from the server: %v", e.Cause)
	}
	if untrusted(e.Cause) {
		return fmt.Sprintf("no connection to the server: %v; give the base transport your certificate authority, as with transport.NewBase", e.Cause)
	}
	return fmt.Sprintf("no connection to the server: %v; check the API URL and the network", e.Cause)
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
// network: a [NetworkError], or a [ClientError] for a request that no transport
// would send. An error that is of this package already comes back as it is.
func FromBase(err error) error {
	if err == nil || typed(err) {
		return err
	}
	if problem, ok := unsendable(err); ok {
		return &ClientError{Field: "request", Problem: problem}
	}
	return &NetworkError{Sent: sent(err), Cause: err}
}

// FromLayer types an error of a layer that may not know this package: what is
// plainly of the network becomes a [NetworkError], anything else comes back as
// it is.
func FromLayer(err error) error {
	if err == nil || typed(err) || !network(err) {
		return err
	}
	return &NetworkError{Sent: sent(err), Cause: err}
}

// typed reports whether a kind of this package is in err's chain.
func typed(err error) bool {
	for _, kind := range []error{ErrAuth, ErrNotFound, ErrValidation, ErrConflict, ErrRateLimited,
		ErrContract, ErrNetwork, ErrCanceled, ErrRejected, ErrExhausted, ErrClient} {
		if errors.Is(err, kind) {
			return true
		}
	}
	_, ok := errors.AsType[*APIError](err)
	return ok
}

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

// sent reports whether a request that failed with err may have left the
// client.
func sent(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return false
	}
	if untrusted(err) {
		return false
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return false
	}
	// The type of this one isn't exported by net/http.
	return !strings.Contains(err.Error(), "TLS handshake timeout")
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

// unsendable recognizes what net/http refuses before it sends: these errors
// have no types.
func unsendable(err error) (problem string, ok bool) {
	text := err.Error()
	for _, part := range []string{"unsupported protocol scheme", "invalid header field",
		"invalid method", "no Host in request URL", "nil Request"} {
		if strings.Contains(text, part) {
			return "can't be sent (" + text + ")", true
		}
	}
	return "", false
}
