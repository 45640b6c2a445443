package errs

import (
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
