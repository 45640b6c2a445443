package errs

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLine bounds, in characters, what is shown of a text from outside.
const maxLine = 200

// oneLine makes a text from outside fit to be shown: white space folded,
// nothing unprintable, at most maxLine characters.
func oneLine(s string) string {
	var b strings.Builder
	n, space := 0, false
	for _, r := range s {
		if unicode.IsSpace(r) {
			space = b.Len() > 0
			continue
		}
		if space {
			b.WriteByte(' ')
			n++
			space = false
		}
		if n >= maxLine {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) {
			r = utf8.RuneError
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// withoutQuery returns the text of a cause from outside. A URL in it, as a
// [url.Error] has one, loses its query and userinfo, where secrets are.
func withoutQuery(cause error) string {
	text := fmt.Sprint(cause)
	failed, ok := errors.AsType[*url.Error](cause)
	if !ok {
		return text
	}
	shown := "[redacted]"
	if target, err := url.Parse(failed.URL); err == nil && target.Opaque == "" {
		shown = (&url.URL{Scheme: target.Scheme, Host: target.Host, Path: target.Path}).String()
	}
	for _, form := range []string{strconv.Quote(failed.URL), failed.URL} {
		if failed.URL != "" {
			text = strings.ReplaceAll(text, form, shown)
		}
	}
	return text
}
