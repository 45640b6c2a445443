package errs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// lasting returns what to do about a network error that no wait removes; "" if
// waiting may help. It is the one place that knows these errors.
func lasting(err error) (advice string) {
	target := "the API URL"
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "proxyconnect" {
		target = "the URL of the proxy"
	}
	switch {
	case withoutTLS(err):
		return "check the scheme and the port of " + target
	case otherProtocol(err): // net/http doesn't say whether it was the proxy's response
		return "check the scheme and the port of the API URL, and of the proxy if there is one"
	case misaddressed(err), nowhere(err):
		return "check the host and the port of " + target
	case refusedByTLS(err):
		return "the server refused the TLS handshake: check the host of " + target +
			", and the client certificate and the versions in the TLSClientConfig of the base transport"
	}
	return distrusts(err, target)
}

// withoutTLS reports whether the server answered a TLS handshake with something
// else, such as an HTTP response.
func withoutTLS(err error) bool {
	record, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok && record.Conn != nil || errors.Is(err, http.ErrSchemeMismatch) // Conn is set before the handshake only
}

// otherProtocol reports whether the server answered an HTTP/1 request with a TLS
// alert or with HTTP/2 settings, because that is all that it speaks there. The
// error of net/http has no type (Go 1.26): its text quotes the response.
func otherProtocol(err error) bool {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	if err == nil {
		return false
	}
	quoted, ok := strings.CutPrefix(err.Error(), "malformed HTTP response ")
	response, unquotable := strconv.Unquote(quoted)
	if !ok || unquotable != nil {
		return false
	}
	const alert, settings = "\x15\x03", "\x04" // after the length of three bytes
	return strings.HasPrefix(response, alert) ||
		strings.HasPrefix(response, "\x00\x00") && len(response) > 3 && strings.HasPrefix(response[3:], settings)
}

// misaddressed reports whether an address can't exist, as one with the port
// 99999.
func misaddressed(err error) bool {
	_, ok := errors.AsType[*net.AddrError](err)
	return ok
}

// nowhere reports whether a name server said that the host doesn't exist.
func nowhere(err error) bool {
	lookup, ok := errors.AsType[*net.DNSError](err)
	return ok && lookup.IsNotFound && !lookup.IsTemporary
}

// refusedByTLS reports whether the server ended the TLS handshake with an alert
// that a client with the same settings will always get.
func refusedByTLS(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error" && op.Err != nil && slices.ContainsFunc([]string{
		"handshake failure", "certificate", "access denied", "protocol version", "insufficient security",
		"unrecognized name", "no application protocol",
	}, func(part string) bool { return strings.Contains(op.Err.Error(), part) })
}

// distrusts returns what to do if the client refused the certificate of target;
// "" if it didn't.
func distrusts(err error, target string) (advice string) {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "check the host of " + target
	}
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	if isInvalid && invalid.Reason == x509.Expired {
		return "check the clock of this machine and the server's certificate"
	}
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	if isInvalid || unknown || unverified {
		return "give the base transport your certificate authority, as with middleware.NewBase"
	}
	return ""
}
