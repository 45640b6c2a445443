package errs

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxWords is how many characters of a text from outside are shown.
	maxWords = 200

	// maxScanned is how many bytes of such a text are read.
	maxScanned = 16 << 10
)

// Words makes a text that comes from outside, such as from the server, a proxy
// or another library, fit for an error or a log. The result is one line of at
// most 200 characters and an ellipsis. It has no control characters, and its
// absolute URLs have no query, fragment or userinfo.
func Words(text string) string {
	scanned := text[:min(len(text), maxScanned)]
	isCut := len(scanned) < len(text)
	shown := absoluteURL.ReplaceAllStringFunc(scanned, func(match string) string {
		if isCut && strings.HasSuffix(scanned, match) {
			return redacted // the rest of the URL was not read: an @ in it would make this userinfo
		}
		return withoutSecrets(match)
	})
	return oneLine(shown)
}

// redacted replaces a URL that can't be shown.
const redacted = "[redacted]"

var absoluteURL = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"]*`)

// withoutSecrets returns an absolute URL up to the end of its path, without
// userinfo.
func withoutSecrets(absolute string) string {
	scheme, rest, _ := strings.Cut(absolute, "://")
	if end := strings.IndexAny(rest, "?#"); end >= 0 {
		rest = rest[:end] + strings.TrimLeft(trailing(rest[end:]), "?#")
	}
	return scheme + "://" + userinfo.ReplaceAllString(rest, "$1")
}

// shownURL returns a URL up to the end of its path, without userinfo, as text for
// an error.
func shownURL(u *url.URL) string {
	if u == nil {
		return "no URL"
	}
	return Words((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
}

// userinfo matches the userinfo of a URL without its scheme, and that of URLs
// inside it: in its path, or after a comma.
var userinfo = regexp.MustCompile(`(^|//)[^/]*@`)

// trailing returns the punctuation at the end of a URL that belongs to the
// sentence around it.
func trailing(text string) string {
	return text[len(strings.TrimRight(text, ".,:;)]}'>")):]
}

// oneLine folds white space, replaces characters that aren't printable, and
// cuts the text to maxWords characters.
func oneLine(s string) string {
	var b strings.Builder
	n, space := 0, false
	for _, r := range s {
		if unicode.IsSpace(r) {
			space = b.Len() > 0
			continue
		}
		if space && n < maxWords {
			b.WriteByte(' ')
			n++
		}
		space = false
		if n >= maxWords {
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

// textOf returns the text of an error inside another one. Errors of this
// package keep their text, because what they hold from outside has passed
// [Words]; the text of any other error passes it here.
func textOf(err error) string {
	if err == nil {
		return "no reason given"
	}
	if outermost(err) == err {
		return err.Error()
	}
	if parts := joined(err); parts != nil {
		return textOfAll(parts)
	}
	text := err.Error()
	all := urlErrors(err)
	slices.SortStableFunc(all, func(a, b *url.Error) int { return len(b.URL) - len(a.URL) }) // one may begin with another
	for _, failed := range all {
		if failed.URL == "" {
			continue
		}
		shown := redacted
		if target, err := url.Parse(failed.URL); err == nil && target.Opaque == "" {
			shown = shownURL(target)
		}
		text = strings.ReplaceAll(text, strconv.Quote(failed.URL), shown)
		if shown == redacted || absoluteURL.FindString(failed.URL) != failed.URL { // else Words finds it, and also a longer URL that begins with it
			text = strings.ReplaceAll(text, failed.URL, shown)
		}
	}
	return Words(text)
}

// joined returns the parts of an error that was made by [errors.Join].
func joined(err error) []error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		if again := errors.Join(all.Unwrap()...); again != nil && again.Error() == err.Error() {
			return all.Unwrap()
		}
	}
	return nil
}

// maxParts is how many of the errors that are joined in another are shown.
const maxParts = 20

// textOfAll returns the texts of errors on one line.
func textOfAll(all []error) string {
	var texts []string
	for _, err := range all[:min(len(all), maxParts)] {
		texts = append(texts, textOf(err))
	}
	if more := len(all) - maxParts; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, "; ")
}

// urlErrors returns every [url.Error] in err's tree: a URL in it may have a
// form that [Words] doesn't recognize.
func urlErrors(err error) (found []*url.Error) {
	if failed, ok := err.(*url.Error); ok {
		found = append(found, failed)
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		found = append(found, urlErrors(e.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			found = append(found, urlErrors(part)...)
		}
	}
	return found
}
