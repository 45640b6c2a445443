package errs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/prefactordev/prefactor-go/errs"
)

// scanned is how many bytes of a text Words reads.
const scanned = 16 << 10

func TestWords(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", ""},
		{"plain", "no such span", "no such span"},
		{"newlines", "\na\r\n b\n\n", "a b"},
		{"white space of every kind", "a\t\v\f\u0085\u00a0\u2028\u2029 b", "a b"},
		{"control characters", "a\x00b\x1b[31mc\x7f", "a�b�[31mc�"},
		{"direction marks", "a\u202eb\u200bc", "a�b�c"},
		{"invalid UTF-8", "a\xffb", "a�b"},
		{"200 characters", long, long},
		{"201 characters", long + "x", long + "…"},
		{"a space after 200 characters", long + " x", long + "…"},
		{"a space at the end", long + " \n", long},
		{"a space as the 200th character", long[1:] + " xx", long[1:] + " …"},
		{"200 characters of two bytes", strings.Repeat("ä", 200), strings.Repeat("ä", 200)},
		{"5 MB", strings.Repeat("x", 5<<20), long + "…"},
		{"5 MB of newlines", strings.Repeat("\n", 5<<20) + "x", ""},
		{"5 MB of URLs", strings.Repeat("https://u:pw@h/?q ", 5<<20/18), strings.Repeat("https://h/ ", 200)[:200] + "…"},

		{"query", "Get https://h/x?token=canary: EOF", "Get https://h/x: EOF"},
		{"fragment", "https://h/x#canary", "https://h/x"},
		{"query and fragment", "https://h?a=canary#canary next", "https://h next"},
		{"userinfo", "https://me:canary@h/x", "https://h/x"},
		{"userinfo with an @", "https://me@corp:canary@h", "https://h"},
		{"userinfo without a host", "https://me:canary@", "https://"},
		{"any scheme", "postgres://me:canary@db:5432/x?sslmode=off", "postgres://db:5432/x"},
		{"an @ in the path", "https://h/@me/x", "https://h/@me/x"},
		{"several", "https://a/?x=canary and socks5://me:canary@b", "https://a/ and socks5://b"},
		{"joined by a comma", "https://a,https://me:canary@b/x?y", "https://a,https://b/x"},
		{"within a URL's path", "https://proxy/https://me:canary@b/x", "https://proxy/https://b/x"},
		{"within a URL's query", "https://h/?next=https://me:canary@b/", "https://h/"},
		{"quoted", `Get "https://me:canary@h/?a=canary": EOF`, `Get "https://h/": EOF`},

		{"in parentheses", "see (https://h/x?a=canary).", "see (https://h/x)."},
		{"in brackets", "[https://h/x#canary], next", "[https://h/x], next"},
		{"in braces", "{https://h/x?a=canary};", "{https://h/x};"},
		{"before a colon", "https://h/x?a=canary: refused", "https://h/x: refused"},
		{"before an ellipsis", "https://h/x?a=canary...", "https://h/x..."},
		{"in parentheses without a query", "(https://me:canary@h/x)", "(https://h/x)"},

		{"cut by the bound in the query", strings.Repeat(" ", scanned-12) + "https://h/?a=canary", "[redacted]"},
		{"cut by the bound in the userinfo", strings.Repeat(" ", scanned-12) + "https://me:canary@h/", "[redacted]"},
		{"cut by the bound in the host", strings.Repeat(" ", scanned-9) + "https://h.example/", "[redacted]"},
		{"cut by the bound after the scheme", strings.Repeat(" ", scanned-8) + "https://me:canary@h/", "[redacted]"},
		{"ends at the bound", strings.Repeat(" ", scanned-10) + "https://h/", "https://h/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := errs.Words(tt.text); got != tt.want {
				t.Errorf("\n got %q\nwant %q", got, tt.want)
			}
		})
	}
}

// The causes of these errors come from outside, and pass Words.
func TestCausesPassWords(t *testing.T) {
	t.Parallel()
	urlError := func(target string, err error) error { return &url.Error{Op: "Get", URL: target, Err: err} }
	reason := "Denied\x1b[2J by\r\npolicy, see https://me:canary@proxy/why?user=canary"
	wrappers := map[string]struct {
		wrap func(cause error) error
		text string // around the cause's
	}{
		"canceled": {func(cause error) error {
			return &errs.CanceledError{Err: context.Canceled, Cause: cause}
		}, "canceled by the caller: %s"},
		"canceled, last": {func(cause error) error {
			return &errs.CanceledError{Err: context.Canceled, Last: cause}
		}, "canceled by the caller; before that: %s"},
		"rejected": {func(cause error) error {
			return &errs.RejectedError{Layer: "quota", Cause: cause}
		}, `not sent: layer "quota" refused: %s`},
		"network": {func(cause error) error {
			return &errs.NetworkError{Cause: cause}
		}, "no connection to the server: %s; check the API URL and the network"},
		"network, sent": {func(cause error) error {
			return &errs.NetworkError{Sent: true, Cause: cause}
		}, "no complete response from the server: %s"},
		"auth": {func(cause error) error {
			return &errs.AuthError{APIError: &errs.APIError{}, Cause: cause}
		}, "no token: %s; fix the token source"},
		"exhausted": {func(cause error) error {
			return &errs.RetryExhaustedError{Reason: errs.ReasonAttempts, Last: cause}
		}, "gave up, every attempt failed: %s"},
	}
	for _, tt := range []struct {
		name  string
		cause error
		want  string
	}{
		{"plain", io.EOF, "EOF"},
		{"5 MB", errors.New(strings.Repeat("x", 5<<20)), strings.Repeat("x", 200) + "…"},
		{"control characters and newlines", errors.New("a\x1b[2J\r\nb"), "a�[2J b"},
		{"a proxy's raw reason", errors.New(reason), "Denied�[2J by policy, see https://proxy/why"},
		{"URL", urlError("https://me:canary@h/x?a=canary#canary", io.EOF), "Get https://h/x: EOF"},
		{"URL with a quote in its query", urlError(`https://h/x?a="canary"&b='canary'`, io.EOF), "Get https://h/x: EOF"},
		{"URL with a space in its query", urlError("https://h/x?a=b canary", io.EOF), "Get https://h/x: EOF"},
		{"relative URL", urlError("/x?a=canary", io.EOF), "Get /x: EOF"},
		{"opaque URL", urlError("mailto:canary", io.EOF), "Get [redacted]: EOF"},
		{"URL that does not parse", urlError("https://me:canary@h:port/%zz?canary", io.EOF), "Get [redacted]: EOF"},
		{"no URL", urlError("", io.EOF), `Get "": EOF`},
		{"wrapped URL", fmt.Errorf("idp: %w", urlError("https://h/x?a=canary", io.EOF)), "idp: Get https://h/x: EOF"},
		{"nested URLs", urlError("/a?a=canary", urlError("https://me:canary@h/b?b=canary", io.EOF)), "Get /a: Get https://h/b: EOF"},
		{"joined URLs", errors.Join(urlError("/a?a=canary", io.EOF), urlError("/b?b=canary", io.EOF)), "Get /a: EOF; Get /b: EOF"},
		{"many joined errors", errors.Join(slices.Repeat([]error{io.EOF}, 25)...), strings.Repeat("EOF; ", 20) + "and 5 more"},
		{"nested and joined URLs", urlError("/a?a=canary", errors.Join(io.EOF, fmt.Errorf("x: %w", urlError("/b?b=canary", io.EOF)))), "Get /a: EOF x: Get /b: EOF"},
		{"a URL that another begins with", urlError("https://h/?a=b", urlError("https://h/?a=b&c=canary", io.EOF)), "Get https://h/: Get https://h/: EOF"},
		{"a relative URL that another begins with", urlError("/?a=b", urlError("/?a=b&c=canary", io.EOF)), "Get /: Get /: EOF"},
		{"a URL that another in the text begins with", urlError("https://h/?a=b", errors.New("tried https://h/?a=b&c=canary")), "Get https://h/: tried https://h/"},
		{"an error of this package inside", fmt.Errorf("mesh: %w", &errs.NetworkError{Sent: true, Cause: urlError("/x?a=canary", io.EOF)}),
			"mesh: no complete response from the server: Get /x: EOF"},
	} {
		for name, wrapper := range wrappers {
			t.Run(tt.name+" in "+name, func(t *testing.T) {
				t.Parallel()
				err := wrapper.wrap(tt.cause)
				if got, want := err.Error(), fmt.Sprintf(wrapper.text, tt.want); got != want {
					t.Errorf("\n got %q\nwant %q", got, want)
				}
			})
		}
	}
	t.Run("proxy", func(t *testing.T) {
		t.Parallel()
		err := &errs.NetworkError{Cause: &errs.ProxyError{Status: http.StatusForbidden, Reason: reason}}
		want := "no connection to the server: the proxy answered CONNECT with 403 Denied�[2J by policy, see https://proxy/why; check the proxy and its credentials"
		if got := err.Error(); got != want {
			t.Errorf("\n got %q\nwant %q", got, want)
		}
		if got := err.Cause.Error(); !strings.Contains(want, got) {
			t.Errorf("the cause alone is %q", got)
		}
	})
}

// What the server says about fields, code and message passes Words, too.
func TestAnErrorDocumentPassesWords(t *testing.T) {
	t.Parallel()
	const said = `https://me:canary@h/x?a=canary\n\u001b[2J`
	err := errs.FromResponse(422, nil, []byte(`{"status":"error","code":"`+said+`","message":"`+said+`","errors":{"`+said+`":{"code":"`+said+`","message":"`+said+`"}}}`))
	checkShown(t, err.Error(), 1000)
	if strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
	redirect := errs.FromResponse(302, http.Header{"Location": {"https://me:canary@h/x?a=canary#canary"}}, nil)
	if strings.Contains(redirect.Error(), "canary") {
		t.Error(redirect)
	}
	page := errs.FromResponse(502, http.Header{"Content-Type": {"text/\x1b[2J\n" + strings.Repeat("x", 5<<20)}}, []byte("<html>"))
	checkShown(t, page.Error(), 400)
}

// secretParts matches what Words removes from a URL.
var secretParts = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^\s"'<>]*[?#]|[^\s"'<>/?#]*@)`)

// checkShown reports a text that isn't fit for an error.
func checkShown(t *testing.T, text string, most int) {
	t.Helper()
	if n := utf8.RuneCountInString(text); n > most {
		t.Errorf("%d characters, want at most %d", n, most)
	}
	if !utf8.ValidString(text) {
		t.Errorf("invalid UTF-8: %q", text)
	}
	for _, r := range text {
		if !unicode.IsPrint(r) {
			t.Errorf("%q in %q", r, text)
		}
	}
	if part := secretParts.FindString(text); part != "" {
		t.Errorf("%q is left in %q", part, text)
	}
}

func FuzzWords(f *testing.F) {
	for _, seed := range []string{
		"", "no such span", "a\r\n\x1b[2Jb", strings.Repeat("x", 200) + " x", strings.Repeat("https://h/?a ", 50),
		"(https://me:pw@h/x?a=b#c).", "https://a,https://me:pw@b", "https://h/https://me:pw@b", `"https://h/?a='b'"`,
		"a://?:://@#", "https://\xff@h", "a:///@//u@b?",
	} {
		f.Add(seed, 0)
		f.Add(seed, scanned-len(seed)/2)
	}
	f.Fuzz(func(t *testing.T, text string, indent int) {
		text = strings.Repeat(" ", min(max(indent, 0), scanned)) + text
		words := errs.Words(text)
		checkShown(t, words, 201)
		for _, err := range []error{
			&errs.RejectedError{Layer: "quota", Cause: errors.New(text)},
			&errs.CanceledError{Err: context.Canceled, Cause: &url.Error{Op: "Get", URL: text, Err: errors.New(text)}},
			&errs.NetworkError{Cause: &errs.ProxyError{Status: 407, Reason: text}},
		} {
			checkShown(t, err.Error(), 201+100)
		}
	})
}
