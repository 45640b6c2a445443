package errs_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
)

func TestAPageSaysWhatItIsAndWhoSentIt(t *testing.T) {
	t.Parallel()
	const page = "<html>\n<head><title> 413 Too\n Large </title></head>"
	nginx := http.Header{"Content-Type": {"text/html; charset=utf-8"}, "Server": {"nginx/1.22.1"}}
	squid := http.Header{"Content-Type": {"text/html"}, "Server": {"squid/5.7"}, "Via": {"1.1 proxy (squid/5.7)"}, "X-Squid-Error": {"ERR_ACCESS_DENIED 0"}}
	for _, tt := range []struct {
		name   string
		status int
		header http.Header
		body   string
		want   string
	}{
		{"a title and a server", 413, nginx, page,
			`server answered 413, but its body is text/html and no JSON document (titled "413 Too Large", from Server nginx/1.22.1); the request is too large for a gateway: send smaller payloads, or fewer items`},
		{"a chain of gateways", 403, squid, "<html>",
			`server answered 403, but its body is text/html and no JSON document (from Server squid/5.7, Via 1.1 proxy (squid/5.7), X-Squid-Error ERR_ACCESS_DENIED 0); a gateway refused the call: check what it allows, and the API URL`},
		{"a heading and no title", 503, http.Header{"Content-Type": {"text/html"}}, "<html><body><h1>503 Service Unavailable</h1>\nNo server is available.",
			`server answered 503, but its body is text/html and no JSON document (titled "503 Service Unavailable"); a gateway answered in the API's place: try again later`},
		{"success", 200, nginx, "<html>",
			`server answered 200, but its body is text/html and no JSON document (from Server nginx/1.22.1); check that the API URL points to the API itself`},
		{"no Content-Type", 502, nil, "upstream failed",
			`server answered 502, but its body is no JSON document; a gateway answered in the API's place: try again later`},
		{"packed", 200, http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"br"}}, "\x1b\x00",
			`server answered 200, but its body is still packed, as Content-Encoding br says; leave Accept-Encoding to the base transport, or unpack the body in a layer`},
		{"packed under an error", 500, http.Header{"Content-Encoding": {"gzip"}}, "\x1f\x8b",
			`server answered 500, but its body is still packed, as Content-Encoding gzip says; try again later`},
		{"broken JSON", 200, http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"identity"}}, `{"a":}`,
			`server answered 200, but its body is broken JSON at byte 5; the API may have changed: look for a newer version of this module`},
		{"a title that is not ours to print", 502, nginx, "<title>\x1b[2J https://me:pw@x/?t=1</title>",
			`server answered 502, but its body is text/html and no JSON document (titled "` + "\ufffd[2J https://x/" + `", from Server nginx/1.22.1); a gateway answered in the API's place: try again later`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := errs.FromResponse(tt.status, tt.header, []byte(tt.body))
			if err == nil {
				_, broken := errs.ParseDocument([]byte(tt.body))
				err = errs.FromBody(tt.status, tt.header, []byte(tt.body), broken)
			}
			if err.Error() != tt.want {
				t.Errorf("\n got %s\nwant %s", err, tt.want)
			}
		})
	}
}

func TestTheAdviceFollowsFromTheStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{
		400: "its headers or its URL may be too long", 401: "a gateway refused the call", 403: "a gateway refused the call",
		404: "check that the API URL", 408: "try again later", 405: "check that the API URL", 407: "check the proxy and its credentials",
		413: "send smaller payloads", 414: "its headers or its URL may be too long", 431: "its headers or its URL may be too long",
		429: "try again later", 500: "try again later", 502: "try again later", 503: "try again later", 504: "try again later",
	} {
		if text := errs.FromResponse(status, nil, []byte("<html>")).Error(); !strings.Contains(text, want) {
			t.Errorf("%d: %s, want %q", status, text, want)
		}
	}
}
