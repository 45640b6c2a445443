package middleware_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/middleware"
)

// raw writes text as it is.
func raw(text string) reply {
	return func(conn net.Conn) bool {
		_, err := io.WriteString(conn, text)
		return err == nil
	}
}

// What a server or a proxy says is short, on one line and printable in every
// error and log.
func TestWordsOfOthersAreBounded(t *testing.T) {
	t.Parallel()
	const escape = "\x1b[31m"
	long := strings.Repeat("all work and no play ", 50_000)
	for name, r := range map[string]reply{
		"a long reason phrase":    raw("HTTP/1.1 503 " + long + "\r\nContent-Length: 0\r\n\r\n"),
		"a broken status line":    raw("HTTP/1.1 no" + escape + long + "\r\n\r\n"),
		"no HTTP at all":          raw(escape + long + "\r\n\r\n"),
		"a broken header line":    raw("HTTP/1.1 200 OK\r\n" + escape + long + "\r\n\r\n"),
		"a broken length":         raw("HTTP/1.1 200 OK\r\nContent-Length: " + long + "\r\n\r\n"),
		"a long message":          answer(422, "application/json", fmt.Sprintf(`{"status":"error","code":%[1]q,"message":%[1]q,"errors":{%[1]q:%[1]q}}`, escape+"\n"+long)),
		"a long type of a page":   answer(502, "text/"+strings.ReplaceAll(long, " ", "-"), "<html>"),
		"a long target":           answer(307, "text/plain", "", "Location: https://user:hidden@elsewhere.example/"+strings.ReplaceAll(long, " ", "/")+"?token=hidden"),
		"an id with a long value": answer(500, "application/json", errorDocument, "X-Request-Id: "+long),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, always(r))
			checkWords(t, quickConfig(s.url))
		})
	}
	for name, r := range map[string]reply{
		"a proxy's long reason phrase":        raw("HTTP/1.1 407 " + escape + long + "\r\n\r\n"),
		"a proxy's reason with what it hides": raw("HTTP/1.1 403 see http://user:hidden@proxy.example/?token=hidden\r\n\r\n"),
		"a proxy that speaks no HTTP":         raw(escape + long + "\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := serve(t, always(r))
			target, err := url.Parse(proxy.url)
			if err != nil {
				t.Fatal(err)
			}
			checkWords(t, quickConfig("https://api.example"), func(b *http.Transport) { b.Proxy = http.ProxyURL(target) })
		})
	}
}

// checkWords makes a call that fails, and looks at its error and its log.
func checkWords(t *testing.T, cfg config, tune ...func(*http.Transport)) {
	t.Helper()
	var log bytes.Buffer
	to := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	client := newClient(t, keyed(cfg).PerCall(middleware.Log(to)), cfg.APIURL, newBase(t, cfg, tune...))
	err := post(t.Context(), client)
	if err == nil {
		t.Fatal("the call succeeded")
	}
	const mostText, mostLog = 1500, 16_000
	if text := err.Error(); len(text) > mostText || strings.ContainsAny(text, "\n\r\x1b") || strings.Contains(text, "hidden") {
		t.Errorf("the error has %d bytes: %.300q", len(text), text)
	}
	if text := log.String(); len(text) > mostLog || strings.Contains(text, `\u001b`) || strings.Contains(text, "hidden") {
		t.Errorf("the log of one call has %d bytes: %.300s", len(text), text)
	}
}
