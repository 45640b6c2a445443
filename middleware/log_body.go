package middleware

import (
	"bytes"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// alwaysRedacted lists parts of member names. The values of such members are
// never logged.
var alwaysRedacted = []string{"token", "secret", "password", "authorization", "credential", "cookie", "apikey", "accesskey", "privatekey", "passphrase", "bearer"}

const (
	redacted = "[redacted]"
	cut      = "…"
)

// redactJSON returns a JSON document on one line, without the values of members
// whose name contains one of redact. It cuts the document to about limit bytes,
// still well-formed, and reads no more than it needs. Text that isn't JSON is
// not shown.
func redactJSON(document io.Reader, limit int, redact []string) string {
	var out bytes.Buffer
	r := redactor{
		in:     jsontext.NewDecoder(document, rawjson.Lenient),
		out:    jsontext.NewEncoder(&out, rawjson.Lenient),
		limit:  int64(limit),
		redact: redact,
	}
	if err := r.copy(); err != nil {
		return "[not a JSON document]"
	}
	return strings.TrimSuffix(out.String(), "\n")
}

type redactor struct {
	in     *jsontext.Decoder
	out    *jsontext.Encoder
	limit  int64
	redact []string
}

// copy copies one document.
func (r *redactor) copy() error {
	for {
		if r.out.OutputOffset() >= r.limit {
			return r.close()
		}
		token, err := r.in.ReadToken()
		if err != nil {
			return err
		}
		if err := r.write(token); err != nil {
			return err
		}
		if r.in.StackDepth() == 0 {
			return nil
		}
	}
}

// write writes a token. After the name of a member to redact, it also handles
// its value.
func (r *redactor) write(token jsontext.Token) error {
	text := token.String()
	if kind := token.Kind(); kind == '0' && text != r.shorten(text) {
		return r.out.WriteToken(jsontext.String(r.shorten(text)))
	} else if kind != '"' {
		return r.out.WriteToken(token)
	}
	if !r.name() {
		return r.out.WriteToken(jsontext.String(r.shorten(text)))
	}
	if err := r.out.WriteToken(jsontext.String(r.shorten(text))); err != nil || !r.secret(text) {
		return err
	}
	switch r.in.PeekKind() {
	case '0', 't', 'f', 'n': // such as the count of max_tokens
		return nil
	}
	if err := r.in.SkipValue(); err != nil {
		return err
	}
	return r.out.WriteToken(jsontext.String(redacted))
}

// name reports whether the last token is the name of a member.
func (r *redactor) name() bool {
	kind, length := r.in.StackIndex(r.in.StackDepth())
	return kind == '{' && length%2 == 1
}

// plainName returns a name in lower case, without underscores and hyphens.
func plainName(name string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
}

func (r *redactor) secret(name string) bool {
	name = plainName(name)
	for _, part := range r.redact {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// shorten cuts a text to the rest of the limit.
func (r *redactor) shorten(text string) string {
	left := max(r.limit-r.out.OutputOffset(), 0)
	if int64(len(text)) <= left {
		return text
	}
	return strings.ToValidUTF8(text[:left], "") + cut
}

// close ends a document that is cut off, with a mark at the cut.
func (r *redactor) close() error {
	if err := r.mark(); err != nil {
		return err
	}
	for r.out.StackDepth() > 0 {
		end := jsontext.EndObject
		if kind, _ := r.out.StackIndex(r.out.StackDepth()); kind == '[' {
			end = jsontext.EndArray
		}
		if err := r.out.WriteToken(end); err != nil {
			return err
		}
	}
	return nil
}

// mark writes the mark as an element, as the value of a member, or as a member.
func (r *redactor) mark() error {
	kind, length := r.out.StackIndex(r.out.StackDepth())
	if kind == '{' && length%2 == 0 {
		if err := r.out.WriteToken(jsontext.String(cut)); err != nil {
			return err
		}
	}
	return r.out.WriteToken(jsontext.String(cut))
}
