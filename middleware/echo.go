package middleware

import (
	"bytes"
	"errors"
	"html"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// echo finds a token in what came back for a request that had it. The server or a
// proxy may spell it with escapes of JSON, of URLs or of HTML.
type echo struct {
	token string
	core  string // the longest part that is never escaped: cheap to look for
}

func echoOf(token transport.Secret) echo {
	e := echo{token: token.Reveal()}
	for part := range strings.FieldsFuncSeq(e.token, escapable) {
		if len(part) > len(e.core) {
			e.core = part
		}
	}
	return e
}

// escapable reports whether an encoder may escape r.
func escapable(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '-')
}

// hide replaces the token in text by as many asterisks as its spelling has bytes.
func (e echo) hide(text []byte) {
	for begin := 0; begin < len(text); {
		at := bytes.Index(text[begin:], []byte(e.core))
		if at < 0 {
			return
		}
		end := begin + at + max(1, len(e.core)) // a token may have no core
		for i := max(begin, end-longest*len(e.token)); i < end; i++ {
			if n, _ := e.spelled(text[i:]); n > 0 {
				copy(text[i:], bytes.Repeat([]byte("*"), n))
				end = i + n
				break
			}
		}
		begin = end
	}
}

// text returns s without the token.
func (e echo) text(s string) string {
	if !strings.Contains(s, e.core) {
		return s
	}
	text := []byte(s)
	e.hide(text)
	return string(text)
}

// open returns how many bytes at the end of text may be the beginning of the token.
func (e echo) open(text []byte) int {
	for i := max(0, len(text)-longest*len(e.token)); i < len(text); i++ {
		if c := text[i]; c != e.token[0] && c != '\\' && c != '%' && c != '&' {
			continue
		}
		if _, open := e.spelled(text[i:]); open {
			return len(text) - i
		}
	}
	return 0
}

// spelled returns how many bytes at the beginning of text spell the token, 0 if
// they don't. open reports that text ends before that is certain.
func (e echo) spelled(text []byte) (n int, open bool) {
	for i := range len(e.token) {
		size, open := spelledByte(text[n:], e.token[i])
		if size == 0 {
			return 0, open
		}
		n += size
	}
	return n, false
}

// longest is the number of bytes in the longest spelling of one: \u002b.
const longest = 6

// spelledByte is spelled for one byte of the token.
func spelledByte(text []byte, c byte) (n int, open bool) {
	switch {
	case len(text) == 0:
		return 0, true
	case text[0] == c:
		return 1, false
	case text[0] == '%':
		return escaped(text, "%", 3, c)
	case text[0] == '&':
		return reference(text, c)
	case text[0] != '\\':
		return 0, false
	case len(text) > 1 && text[1] == c:
		return 2, false
	}
	return escaped(text, `\u00`, longest, c)
}

// escaped is spelledByte for an escape of n bytes: a prefix, and then two
// hexadecimal digits.
func escaped(text []byte, prefix string, n int, c byte) (size int, open bool) {
	if len(text) < n {
		return 0, strings.HasPrefix(prefix, string(text[:min(len(text), len(prefix))]))
	}
	code, err := strconv.ParseUint(string(text[len(prefix):n]), 16, 8)
	if err != nil || !bytes.HasPrefix(text, []byte(prefix)) || byte(code) != c {
		return 0, false
	}
	return n, false
}

// reference is spelledByte for a character reference of HTML, such as &#43; or
// &#x2b;.
func reference(text []byte, c byte) (n int, open bool) {
	end := bytes.IndexByte(text[:min(len(text), longest)], ';')
	if end < 0 {
		return 0, len(text) < longest
	}
	if html.UnescapeString(string(text[:end+1])) != string([]byte{c}) {
		return 0, false
	}
	return end + 1, false
}

// shortestEcho is the length of the shortest token that is looked for. Shorter ones
// are words, as in tests, that stand in documents for their own sake.
const shortestEcho = 6

// withoutEcho removes a token from what came back for a request that had it, so
// that no layer outside finds it there.
func withoutEcho(token transport.Secret, resp *http.Response, err error) (*http.Response, error) {
	e := echoOf(token)
	if len(e.token) < shortestEcho {
		return resp, err
	}
	if err != nil {
		return resp, e.failure(err)
	}
	resp.Status = e.text(resp.Status)
	e.header(resp.Header)
	e.header(resp.Trailer)
	if resp.Body != nil && resp.Body != http.NoBody && resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Body = &echoBody{ReadCloser: resp.Body, token: token, resp: resp}
	}
	return resp, nil
}

// header removes the token from h, whose values may be another's.
func (e echo) header(h http.Header) {
	for name, values := range h {
		if !slices.ContainsFunc(values, func(value string) bool { return e.text(value) != value }) {
			continue
		}
		shown := make([]string, len(values))
		for i, value := range values {
			shown[i] = e.text(value)
		}
		h[name] = shown
	}
}

// failure returns err without the token in its text, and of the same kind.
func (e echo) failure(err error) error {
	if text := err.Error(); !strings.Contains(text, e.core) && !strings.Contains(text, ellipsis) {
		return err
	}
	switch failed := err.(type) {
	case *errs.NetworkError:
		silent := *failed
		silent.Cause = e.failure(failed.Cause)
		return &silent
	case *errs.ProxyError:
		silent := *failed
		silent.Reason = e.words(failed.Reason)
		return &silent
	case *errs.ContractError: // the target of a redirect that the base followed
		silent := *failed
		silent.Problem = e.words(failed.Problem)
		return &silent
	case *errs.ClientError:
		return &errs.ClientError{Field: failed.Field, Problem: e.words(failed.Problem)}
	}
	if errs.KindOf(err) != errs.KindOther {
		return err // a layer's
	}
	return &silentError{e.text(err.Error()), err}
}

// ellipsis is where [errs.Words] has cut a text.
const ellipsis = "…"

// words returns a text that has passed [errs.Words] without the token, and without
// the beginning of one that was cut.
func (e echo) words(s string) string {
	before, after, isCut := strings.Cut(s, ellipsis)
	if !isCut {
		return e.text(s)
	}
	if open := e.open([]byte(before)); open > 0 {
		before = before[:len(before)-open] + strings.Repeat("*", open)
	}
	return e.text(before) + ellipsis + e.words(after)
}

// silentError is an error with another text. It matches what the error matches, and
// doesn't lead to it.
type silentError struct {
	text string
	err  error
}

func (s *silentError) Error() string        { return s.text }
func (s *silentError) Is(target error) bool { return errors.Is(s.err, target) }

// Timeout reports whether a time limit ran out.
func (s *silentError) Timeout() bool {
	limit, ok := errors.AsType[net.Error](s.err)
	return ok && limit.Timeout()
}

// echoBody is a response's body without the token.
type echoBody struct {
	io.ReadCloser
	token transport.Secret // no text: a dump of the response would show it
	resp  *http.Response   // gets its trailer when the body ends

	held  []byte // read, and perhaps the beginning of the token
	ready []byte // read, and still to be returned
	err   error  // what comes after ready
}

func (b *echoBody) Read(p []byte) (int, error) {
	for len(b.ready) == 0 && b.err == nil && len(p) > 0 {
		n, err := b.fill(p)
		if n > 0 || err != nil {
			return n, err
		}
	}
	n := copy(p, b.ready)
	b.ready = b.ready[n:]
	if len(b.ready) > 0 {
		return n, nil
	}
	return n, b.err
}

// fill reads into p, or into ready if p is too small for what is held.
func (b *echoBody) fill(p []byte) (int, error) {
	buf := p
	if len(b.held) >= len(p) {
		buf = make([]byte, len(b.held)+512)
	}
	n := copy(buf, b.held)
	more, err := b.ReadCloser.Read(buf[n:])
	text := buf[:n+more]
	e := echoOf(b.token)
	e.hide(text)
	open := 0
	if err == nil {
		open = e.open(text)
	} else {
		e.header(b.resp.Trailer)
	}
	b.held = append(b.held[:0], text[len(text)-open:]...)
	text = text[:len(text)-open]
	if &buf[0] == &p[0] {
		return len(text), err
	}
	b.ready, b.err = text, err
	return 0, nil
}
