package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/transport"
)

// spellings are the ways in which a server may repeat a token.
var spellings = map[string]func(token string) string{
	"as it is":            func(token string) string { return token },
	"in a text":           func(token string) string { return "Bearer " + token + "." },
	"twice":               func(token string) string { return token + token },
	"after its beginning": func(token string) string { return token[:7] + token },
	"for JSON":            strings.NewReplacer("/", `\/`).Replace,
	"for JSON in HTML":    strings.NewReplacer("/", `\/`, "+", `\u002b`, "=", `\u003D`, "<", `\u003c`).Replace,
	"for HTML":            strings.NewReplacer("+", "&#43;", "=", "&#x3D;", "/", "&#x2f;").Replace,
	"for a query":         url.QueryEscape,
	"for a path":          url.PathEscape,
	"in lower case":       func(token string) string { return strings.ReplaceAll(url.QueryEscape(token), "%2B", "%2b") },
}

// echoTokens are tokens of the forms that are in use.
var echoTokens = []string{"canary-5f1d", "pf_canary5f1dQ0Z", "canary5f/1d+Ab==", "++++++++", "eyJhbGciOi.canary.5f1d"}

// echoes are the responses of servers and proxies that repeat the token.
var echoes = map[string]func(spelled string) *http.Response{
	"a message":           echoDocument(422, `{"status":"error","code":"c","message":"bad token %s"}`),
	"a code":              echoDocument(409, `{"status":"error","code":"%s","message":"m"}`),
	"a field":             echoDocument(422, `{"status":"error","code":"c","errors":{"authorization":"%s"}}`),
	"the name of a field": echoDocument(422, `{"status":"error","code":"c","errors":{"x%s":{"code":"c"}}}`),
	"an error under 200":  echoDocument(200, `{"status":"error","code":"c","message":"%s"}`),
	"an unknown document": echoDocument(403, `{"message":"%s"}`),
	"a success":           echoDocument(200, `{"status":"success","details":{"header":"%s"}}`),
	"a broken success":    echoDocument(200, `{"status":"success","details":%s}`),
	"a page":              echoDocument(502, `<html><title>%s</title>`),
	"a page of success":   echoDocument(200, `<html>%s`),
	"a text of one byte a read": func(spelled string) *http.Response {
		resp := echoDocument(200, `no JSON %s `)(spelled)
		resp.Body = io.NopCloser(iotest.OneByteReader(resp.Body))
		return resp
	},
	"a request id": echoHeader(503, "X-Request-Id"),
	"a location":   echoHeader(302, "Location"),
	"a server":     echoHeader(502, "Server"),
	"a reason": func(spelled string) *http.Response {
		resp := echoDocument(500, ``)("")
		resp.Status = "500 " + spelled
		return resp
	},
}

func echoDocument(status int, format string) func(string) *http.Response {
	return func(spelled string) *http.Response {
		return answerWith(status, "application/json", io.NopCloser(strings.NewReader(strings.ReplaceAll(format, "%s", spelled))))
	}
}

func echoHeader(status int, name string) func(string) *http.Response {
	return func(spelled string) *http.Response {
		resp := echoDocument(status, `<html>`)("")
		resp.Header.Set(name, "https://elsewhere.example/"+spelled)
		return resp
	}
}

func TestATokenThatTheServerRepeatsIsNotShown(t *testing.T) {
	t.Parallel()
	for _, token := range echoTokens {
		for spelling, spell := range spellings {
			for name, echo := range echoes {
				t.Run(name+" "+spelling+" "+token, func(t *testing.T) {
					t.Parallel()
					spelled := spell(token)
					base := baseFunc(func(*http.Request) (*http.Response, error) { return echo(spelled), nil })
					shown := everythingShown(t, token, base)
					for _, form := range []string{token, spelled} {
						if at := strings.Index(shown, form); at >= 0 {
							t.Errorf("the token is shown: …%s…", shown[max(0, at-200):min(len(shown), at+100)])
						}
					}
				})
			}
		}
	}
}

// A transport's own error may hold what a proxy said.
func TestATokenInATransportsErrorIsNotShown(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(token string) error{
		"text": func(token string) error { return errors.New("refused " + token) },
		"wrapped": func(token string) error {
			return fmt.Errorf("base: %w", &net.OpError{Op: "dial", Err: errors.New(token)})
		},
		"of a proxy": func(token string) error {
			return &errs.NetworkError{Cause: &errs.ProxyError{Status: 407, Reason: token}}
		},
		"for a layer": func(token string) error {
			return &errs.NetworkError{Sent: true, Cause: &url.Error{Op: "Post", URL: "https://x/" + token, Err: io.EOF}}
		},
		"after a redirect": func(token string) error {
			return errs.NewElsewhereError(200, &url.URL{Scheme: "https", Host: "x"}, &url.URL{Scheme: "https", Host: "x", Path: "/" + token})
		},
		"unsendable": func(token string) error { return errors.New("net/http: invalid header field value " + token) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, token := range []string{echoTokens[0], strings.Repeat("canary", 100)} { // a long one is cut
				base := baseFunc(func(*http.Request) (*http.Response, error) { return nil, fail(token) })
				if shown := everythingShown(t, token, base); strings.Contains(shown, token[:min(len(token), 50)]) {
					t.Errorf("the token is shown: %s", shown)
				}
			}
		})
	}
}

// A caller's own token is no less secret than that of the Config.
func TestATokenOfTheCallersThatTheServerRepeatsIsNotShown(t *testing.T) {
	t.Parallel()
	const token = "canary-5f1d"
	base := baseFunc(func(req *http.Request) (*http.Response, error) {
		return echoDocument(422, `{"status":"error","code":"c","message":"bad token %s"}`)(req.Header.Get("Authorization")), nil
	})
	cfg := middleware.NewConfig("https://prefactor.test", "the-token-of-the-config")
	client := newClient(t, middleware.Default(cfg), cfg.APIURL, base)
	for _, header := range []string{"Bearer " + token, "bearer  " + token} {
		_, err := client.Do(t.Context(), createAgent, transport.WithHeader("Authorization", header))
		if !errors.Is(err, errs.ErrValidation) || strings.Contains(shows(err), token) {
			t.Errorf("%q: %v", header, err)
		}
	}
}

// A trailer comes with the end of the body.
func TestATokenInATrailerIsNotShown(t *testing.T) {
	t.Parallel()
	const token = "canary5f/1d+Ab=="
	base := baseFunc(func(*http.Request) (*http.Response, error) {
		resp := answerWith(200, "text/plain", nil)
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader("text"), trailing(func() {
			resp.Trailer = http.Header{"X-Token": {"Bearer " + token}, "X-Sum": {"1"}}
		})))
		return resp, nil
	})
	rt := build(t, transport.NewStack(middleware.Auth("https://prefactor.test", transport.NewSecret(token))), base)
	resp, err := (&http.Client{Transport: rt}).Get("https://prefactor.test/")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(resp.Body); string(text) != "text" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
	if got := resp.Trailer.Get("X-Token"); got != "Bearer "+strings.Repeat("*", len(token)) || resp.Trailer.Get("X-Sum") != "1" {
		t.Errorf("the trailer is %v", resp.Trailer)
	}
}

// trailing is the end of a body, which sets the trailer.
type trailing func()

func (set trailing) Read([]byte) (int, error) {
	set()
	return 0, io.EOF
}

// everythingShown makes a call with a token over base, and returns all that is
// shown of it outside auth.
func everythingShown(t *testing.T, token string, base http.RoundTripper) string {
	t.Helper()
	var text logged
	var seen strings.Builder
	cfg := middleware.NewConfig("https://prefactor.test", token)
	cfg.MaxRetries = 0
	stack := middleware.Default(cfg).PerCall(
		middleware.Log(text.logger(slog.LevelDebug), middleware.LogBodies(1<<20), middleware.LogHeaders("X-Request-Id", "Location", "Server")),
		middleware.Observe("events", middleware.ObserverFunc(func(_ context.Context, e transport.Event) { seen.WriteString(shows(e)) })),
	).PerAttempt(transport.NewLayerFunc("outside", transport.PerAttempt, func(req *http.Request, next transport.Next) (*http.Response, error) {
		resp, err := next(req)
		if resp != nil {
			seen.WriteString(shows(resp.Status, resp.Header, string(transport.Read(req, resp).Document())))
		}
		return resp, err
	}))
	result, err := newClient(t, stack, cfg.APIURL, base).Do(t.Context(), createAgent)
	if result != nil {
		seen.WriteString(shows(result) + string(result.Document))
	}
	for wrapped := err; wrapped != nil; wrapped = errors.Unwrap(wrapped) {
		seen.WriteString(shows(wrapped))
		if contract, ok := wrapped.(*errs.ContractError); ok {
			seen.WriteString(contract.Snippet())
		}
	}
	return seen.String() + strings.Join(text.lines(), "\n")
}

// A response without the token keeps its bytes, however they arrive.
func TestAResponseWithoutTheTokenKeepsItsBytes(t *testing.T) {
	t.Parallel()
	const token = "canary5f/1d+Ab=="
	for _, text := range []string{
		``, `c`, token[:15], `canary`, strings.Repeat("canary5f/", 1000), `{"a":"canary5f\/1d\u002bAb="}`, `%`, `\`, `\u`, `\u00`, `canary5f%2`, strings.Repeat(`\`, 300),
	} {
		for name, arrives := range arrivals {
			for _, size := range []int{1, 7, 512} {
				if got := throughAuth(t, token, arrives(text), size); got != text {
					t.Errorf("%s, %d bytes a read: %q became %q", name, size, text, got)
				}
			}
		}
	}
}

var arrivals = map[string]func(string) io.Reader{
	"at once":        func(text string) io.Reader { return strings.NewReader(text) },
	"byte by byte":   func(text string) io.Reader { return iotest.OneByteReader(strings.NewReader(text)) },
	"with the error": func(text string) io.Reader { return iotest.DataErrReader(strings.NewReader(text)) },
	"in halves":      func(text string) io.Reader { return iotest.HalfReader(strings.NewReader(text)) },
}

// throughAuth returns what a plain http.Client reads behind auth, size bytes at a
// time.
func throughAuth(t *testing.T, token string, body io.Reader, size int) string {
	t.Helper()
	base := baseFunc(func(*http.Request) (*http.Response, error) {
		return answerWith(200, "text/plain", io.NopCloser(body)), nil
	})
	rt := build(t, transport.NewStack(middleware.Auth("https://prefactor.test", transport.NewSecret(token))), base)
	resp, err := (&http.Client{Transport: rt}).Get("https://prefactor.test/")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{resp.Body}, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	return got.String()
}

func FuzzEcho(f *testing.F) {
	f.Add(`{"message":"canary5f\/1d\u002bAb=="}`, 3)
	f.Add(`canary5f/1canary5f/1d+Ab==canary`, 5)
	f.Fuzz(func(t *testing.T, text string, size int) {
		const token = "canary5f/1d+Ab=="
		size = 1 + max(0, size)%64
		whole := throughAuth(t, token, strings.NewReader(text), 64<<10)
		for name, arrives := range arrivals {
			if got := throughAuth(t, token, arrives(text), size); got != whole {
				t.Errorf("%s, %d bytes a read: %q became %q, and %q as a whole", name, size, text, got, whole)
			}
		}
		if strings.Contains(whole, token) || len(whole) != len(text) {
			t.Errorf("%q became %q", text, whole)
		}
	})
}
