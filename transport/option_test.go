package transport_test

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// refused checks that a call sent nothing and failed for a mistake in field.
func refused(t *testing.T, err error, field, remedy string, sent int) {
	t.Helper()
	mistake, ok := errors.AsType[*errs.ClientError](err)
	if !ok || mistake.Field != field || !strings.Contains(mistake.Problem, remedy) || sent != 0 {
		t.Errorf("%d requests sent, %v: want none, and a ClientError for %s that says %q", sent, err, field, remedy)
	}
}

// counting is a base that counts what it gets, and keeps the last request's header.
type counting struct {
	sent   int
	header http.Header
	body   string
}

func (c *counting) RoundTrip(req *http.Request) (*http.Response, error) {
	c.sent++
	c.header, c.body = req.Header, ""
	if req.Body != nil {
		var text bytes.Buffer
		_, _ = text.ReadFrom(req.Body)
		c.body = text.String()
	}
	return document(`{"status":"success"}`), nil
}

func TestAHeaderThatWouldBeDroppedIsRefused(t *testing.T) {
	t.Parallel()
	for name, remedy := range map[string]string{
		"Host": "client's URL", "host": "client's URL", "Content-Length": "leave it out", "TRANSFER-ENCODING": "leave it out",
		"Trailer": "leave it out", "Connection": "leave it out", "Keep-Alive": "leave it out", "Proxy-Connection": "leave it out",
		"Te": "leave it out", "Upgrade": "leave it out",
	} {
		for _, value := range []string{"x", ""} {
			base := new(counting)
			_, err := on(t, base).Do(t.Context(), transport.Request{Method: "POST", Path: "/x"}, transport.WithHeader(name, value))
			refused(t, err, "header "+http.CanonicalHeaderKey(name), remedy, base.sent)
		}
	}
	for _, name := range []string{"Accept", "Accept-Encoding", "Authorization", "Cookie", "Date", "Expect", "User-Agent", "X-Team"} {
		base := new(counting)
		if _, err := on(t, base).Do(t.Context(), transport.Request{Method: "POST", Path: "/x"}, transport.WithHeader(name, "x")); err != nil || base.header.Get(name) != "x" {
			t.Errorf("%s: %q was sent, %v", name, base.header.Get(name), err)
		}
	}
}

// rawText is JSON text of a type of its own.
type rawText []byte

func TestABodyIsSentAsWhatItLooksLike(t *testing.T) {
	t.Parallel()
	const text = `{"a":1}`
	for name, body := range map[string]any{
		"[]byte": []byte(text), "a named []byte": rawText(text), "a pointer to []byte": new([]byte(text)), "an array of bytes": [7]byte([]byte(text)),
		"a string": text, "a time": time.Now(), "a reader": strings.NewReader(text), "a buffer": bytes.NewBufferString(text),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := new(counting)
			_, err := on(t, base).Do(t.Context(), transport.Request{Method: "POST", Path: "/x", Body: body})
			refused(t, err, "body", "jsontext.Value", base.sent)
			_, err = makeThing.Do(t.Context(), on(t, base), transport.Input{Body: body})
			refused(t, err, "body", "jsontext.Value", base.sent)
		})
	}
	for name, body := range map[string]any{
		"jsontext.Value": jsontext.Value(text), "json.RawMessage": stdjson.RawMessage(text), "a map": map[string]any{"a": 1},
	} {
		base := new(counting)
		if _, err := on(t, base).Do(t.Context(), transport.Request{Method: "POST", Path: "/x", Body: body}); err != nil || base.body != text {
			t.Errorf("%s: %s was sent, %v", name, base.body, err)
		}
	}
	base := new(counting) // bytes inside are data
	_, err := on(t, base).Do(t.Context(), transport.Request{Method: "POST", Path: "/x", Body: map[string]any{"blob": []byte(text)}})
	if want := `{"blob":"eyJhIjoxfQ=="}`; err != nil || base.body != want {
		t.Errorf("%s was sent, %v; want %s", base.body, err, want)
	}
}

func TestATimeoutWithoutTimeSendsNothing(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]transport.Option{
		"0":            {transport.WithTimeout(0)},
		"negative":     {transport.WithTimeout(-time.Hour)},
		"0 of several": {transport.WithTimeout(time.Hour), transport.WithTimeout(0), transport.WithTimeout(time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := new(counting)
				_, err := on(t, base).Do(t.Context(), transport.Request{Method: "GET", Path: "/x"}, options...)
				if late, ok := errors.AsType[*errs.CanceledError](err); !ok || !late.Timeout() || base.sent != 0 {
					t.Errorf("%d requests sent, %v: want none, and a CanceledError that is a timeout", base.sent, err)
				}
			})
		})
	}
}
