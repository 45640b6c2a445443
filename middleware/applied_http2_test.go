package middleware_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/transport"
)

// The HTTP/2 of net/http sends a request again by itself where the server
// refuses its stream or leaves it out when it goes away: a server promises then
// that it hasn't looked at the request. A front whose own connection to the API
// has died says the same of requests that the API has carried out.

// front is a server that speaks as much HTTP/2 as that takes. It notes each
// request that came whole, and ends it as its script says.
type front struct {
	*socket
	url string

	mu     sync.Mutex
	bodies []string // of the requests that came whole, in their order
}

// streamEnd ends a request, which is stream's. It reports whether the connection
// stays open.
type streamEnd func(c *http2Conn, stream uint32) bool

// http2Conn is a connection of a front.
type http2Conn struct {
	net.Conn
	front *front
}

// Types, flags and codes of RFC 9113.
const (
	frameData, frameHeaders, frameReset, frameSettings, framePing, frameGoAway = 0, 1, 3, 4, 6, 7

	flagEnd, flagAck, flagEndHeaders = 1, 1, 4

	codeNone, codeProtocol, codeInternal, codeRefused, codeCancel, codeCalm, codeHTTP1 = 0, 1, 2, 7, 8, 11, 13
)

// serveFront starts a front. The script gets the number of a request, 1 for the
// first, whatever connection it comes over.
func serveFront(t testing.TB, script func(number int) streamEnd) (f *front, trust func(*http.Transport)) {
	t.Helper()
	settings, trust := certified()
	settings = settings.Clone()
	settings.NextProtos = []string{"h2"}
	f = new(front)
	ready := make(chan struct{})
	f.socket = listen(t, func(conn net.Conn) {
		<-ready
		c := &http2Conn{Conn: tls.Server(conn, settings), front: f}
		defer c.Close()
		c.serve(script)
	})
	f.url = "https://" + f.addr
	close(ready)
	return f, trust
}

func (f *front) note(body string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bodies = append(f.bodies, body)
	return len(f.bodies)
}

// count returns how many requests came whole.
func (f *front) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.bodies)
}

// checkSame fails the test if requests differ, and with them the keys in their
// bodies.
func (f *front) checkSame(t testing.TB) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(slices.Compact(slices.Clone(f.bodies))) > 1 {
		t.Errorf("one call was sent as %q", f.bodies)
	}
}

func (c *http2Conn) serve(script func(number int) streamEnd) {
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	if _, err := io.ReadFull(c, make([]byte, len(preface))); err != nil {
		return
	}
	c.write(frameSettings, 0, 0)
	bodies := make(map[uint32]*bytes.Buffer)
	for {
		kind, flags, stream, payload, err := c.read()
		if err != nil {
			return
		}
		switch kind {
		case frameSettings:
			if flags&flagAck == 0 {
				c.write(frameSettings, flagAck, 0)
			}
			continue
		case framePing:
			if flags&flagAck == 0 {
				c.write(framePing, flagAck, 0, payload...)
			}
			continue
		case frameHeaders: // what is in it is the body's to tell
			bodies[stream] = new(bytes.Buffer)
		case frameData:
			bodies[stream].Write(payload)
		default:
			continue
		}
		if flags&flagEnd != 0 && !script(c.front.note(bodies[stream].String()))(c, stream) {
			return
		}
	}
}

// read reads a frame.
func (c *http2Conn) read() (kind, flags byte, stream uint32, payload []byte, err error) {
	var head [9]byte
	if _, err = io.ReadFull(c, head[:]); err != nil {
		return
	}
	payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	_, err = io.ReadFull(c, payload)
	return head[3], head[4], binary.BigEndian.Uint32(head[5:]) &^ (1 << 31), payload, err
}

// write writes a frame.
func (c *http2Conn) write(kind, flags byte, stream uint32, payload ...byte) {
	frame := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	frame = binary.BigEndian.AppendUint32(frame, stream)
	_, _ = c.Write(append(frame, payload...))
}

// answerStream writes a whole response.
func answerStream(status int, contentType, body string) streamEnd {
	return func(c *http2Conn, stream uint32) bool {
		c.write(frameHeaders, flagEndHeaders, stream, encodeHeader(status, contentType)...)
		c.write(frameData, flagEnd, stream, []byte(body)...)
		return true
	}
}

// encodeHeader encodes a header by RFC 7541: two literals without indexing, whose
// names are in the static table.
func encodeHeader(status int, contentType string) []byte {
	encoded := append([]byte{0x08, 3}, strconv.Itoa(status)...)    // :status
	encoded = append(encoded, 0x0f, 31-15, byte(len(contentType))) // content-type
	return append(encoded, contentType...)
}

// resets ends a stream with a code.
func resets(code uint32) streamEnd {
	return func(c *http2Conn, stream uint32) bool {
		c.write(frameReset, 0, stream, binary.BigEndian.AppendUint32(nil, code)...)
		return true
	}
}

// goesAway ends a connection with a code, and says that it has looked at no
// stream, or at all.
func goesAway(code uint32, looked bool) streamEnd {
	return func(c *http2Conn, stream uint32) bool {
		last := uint32(0)
		if looked {
			last = stream
		}
		c.write(frameGoAway, 0, 0, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, last), code)...)
		return false
	}
}

// drops ends the connection as a reply of HTTP/1 does.
func drops(end reply) streamEnd {
	return func(c *http2Conn, _ uint32) bool { return end(c.Conn) }
}

// refusingConns is what e does, with the front's listener closed before.
func refusingConns(e streamEnd) streamEnd {
	return func(c *http2Conn, stream uint32) bool {
		c.front.refuse()
		return e(c, stream)
	}
}

// breaksOff ends a stream with a code in the middle of its answer.
func breaksOff(status int, code uint32) streamEnd {
	return func(c *http2Conn, stream uint32) bool {
		c.write(frameHeaders, flagEndHeaders, stream, encodeHeader(status, "application/json")...)
		c.write(frameData, 0, stream, []byte(`{"status":`)...)
		return resets(code)(c, stream)
	}
}

// streamEndings are the ways in which a front loses a request that it has passed on.
var streamEndings = []struct {
	name string
	end  streamEnd
}{
	{"REFUSED_STREAM", resets(codeRefused)},
	{"PROTOCOL_ERROR", resets(codeProtocol)},
	{"INTERNAL_ERROR", resets(codeInternal)},
	{"CANCEL", resets(codeCancel)},
	{"ENHANCE_YOUR_CALM", resets(codeCalm)},
	{"HTTP_1_1_REQUIRED", resets(codeHTTP1)},
	{"NO_ERROR", resets(codeNone)},
	{"GOAWAY that leaves it out", goesAway(codeNone, false)},
	{"GOAWAY with an error that leaves it out", goesAway(codeInternal, false)},
	{"GOAWAY with ENHANCE_YOUR_CALM that leaves it out", goesAway(codeCalm, false)},
	{"GOAWAY that includes it", goesAway(codeNone, true)},
	{"GOAWAY with an error that includes it", goesAway(codeInternal, true)},
	{"connection reset", drops(reset)},
	{"connection closed", drops(hangUp)},
	{"answer that breaks off", breaksOff(200, codeInternal)},
	{"answer that breaks off as if refused", breaksOff(200, codeRefused)},
}

var succeedStream = answerStream(http.StatusOK, "application/json", successDocument)

func TestOverHTTP2ARequestWithoutAKeyIsSentOnce(t *testing.T) {
	t.Parallel()
	body := map[string]any{"name": "step"}
	for _, ending := range streamEndings {
		for _, call := range []transport.Request{
			{Method: http.MethodPost, Path: "/agent_spans", Body: body},
			{Method: http.MethodPut, Path: "/agent_spans", Body: body},
			{Method: http.MethodPatch, Path: "/agent_spans", Body: body},
			{Method: http.MethodPost, Path: "/agent_spans"},
			{Method: http.MethodDelete, Path: "/agent_spans"},
		} {
			for _, warm := range []int{0, 1} {
				t.Run(fmt.Sprintf("%s/%s/body %t/%d before", ending.name, call.Method, call.Body != nil, warm), func(t *testing.T) {
					t.Parallel()
					f, trust := serveFront(t, func(number int) streamEnd {
						if number == warm+1 {
							return ending.end
						}
						return succeedStream
					})
					cfg := quickConfig(f.url)
					client := newClient(t, keyless(cfg), f.url, newBase(t, cfg, trust))
					for range warm {
						if _, err := client.Do(t.Context(), call); err != nil {
							t.Fatal(err)
						}
					}
					_, err := client.Do(t.Context(), call)
					checkApplied(t, err, true)
					if n := f.count() - warm; n != 1 {
						t.Errorf("the call was sent %d times", n)
					}
				})
			}
		}
	}
}

// A request of a plain http.Client is held to the same.
func TestOverHTTP2ARequestThatIsNoCallIsSentOnceWithoutAKey(t *testing.T) {
	t.Parallel()
	for _, ending := range streamEndings {
		for name, body := range map[string]string{"a body": "{}", "no body": ""} {
			t.Run(ending.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				f, trust := serveFront(t, func(number int) streamEnd {
					if number == 1 {
						return ending.end
					}
					return succeedStream
				})
				cfg := quickConfig(f.url)
				client := &http.Client{Transport: build(t, keyless(cfg), newBase(t, cfg, trust))}
				resp, err := client.Post(f.url, "application/json", strings.NewReader(body))
				if err == nil { // it may break off later
					_, err = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
				checkApplied(t, err, true)
				if n := f.count(); n != 1 {
					t.Errorf("the request was sent %d times", n)
				}
			})
		}
	}
}

// What comes after a 429, or where nothing was written, is as over HTTP/1.
func TestOverHTTP2ALimitedRequestWithoutAKeyIsSentAgain(t *testing.T) {
	t.Parallel()
	f, trust := serveFront(t, func(number int) streamEnd {
		if number == 1 {
			return answerStream(http.StatusTooManyRequests, "application/json", errorDocument)
		}
		return succeedStream
	})
	cfg := quickConfig(f.url)
	if err := post(t.Context(), newClient(t, keyless(cfg), f.url, newBase(t, cfg, trust))); err != nil {
		t.Error(err)
	}
	if n := f.count(); n != 2 {
		t.Errorf("the call was sent %d times, want 2", n)
	}
}

func TestOverHTTP2ACallWithAKeyMayBeRepeatedAndHidesNothing(t *testing.T) {
	t.Parallel()
	for _, ending := range streamEndings {
		for _, after := range []struct {
			name    string
			end     streamEnd
			refused bool // further connections are
		}{
			{"success", succeedStream, false},
			{"404 document", answerStream(404, "application/json", errorDocument), false},
			{"429 document", answerStream(429, "application/json", errorDocument), false},
			{"200 document that says error", answerStream(200, "application/json", errorDocument), false},
			{"413 page", answerStream(413, "text/html", "<html>"), false},
			{"404 page", answerStream(404, "text/html", "<html>"), false},
			{"503 page", answerStream(503, "text/html", "<html>"), false},
			{"INTERNAL_ERROR", resets(codeInternal), false},
			{"connection reset", drops(reset), false},
			{"connection refused", drops(reset), true},
		} {
			for _, retries := range []int{0, 2} {
				t.Run(fmt.Sprintf("%s/%s/%d retries", ending.name, after.name, retries), func(t *testing.T) {
					t.Parallel()
					f, trust := serveFront(t, func(number int) streamEnd {
						switch {
						case number > 1:
							return after.end
						case after.refused:
							return refusingConns(ending.end)
						}
						return ending.end
					})
					cfg := quickConfig(f.url)
					cfg.MaxRetries = retries
					err := post(t.Context(), connect(t, cfg, trust))
					if f.count() == 0 {
						t.Fatalf("the call didn't reach the front: %v", err)
					}
					if after.name != "success" || err != nil {
						checkApplied(t, err, true)
					}
					if retries > 0 && after.name == "success" && err != nil {
						t.Error(err)
					}
					f.checkSame(t)
				})
			}
		}
	}
}

// net/http sends a refused request up to seven times, after waits of seconds.
// The attempt's timeout and the caller's end come in such a wait.
func TestOverHTTP2TheEndOfAWaitOfNetHTTPHidesNothing(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*config){
		"attempt's timeout": func(cfg *config) { cfg.RequestTimeout = 50 * time.Millisecond },
		"caller's deadline": nil,
	} {
		for _, ending := range streamEndings[:2] {
			t.Run(ending.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				f, trust := serveFront(t, func(int) streamEnd { return ending.end })
				cfg := quickConfig(f.url)
				var options []transport.Option
				if edit != nil {
					edit(&cfg)
				} else {
					options = append(options, transport.WithTimeout(50*time.Millisecond))
				}
				err := post(t.Context(), connect(t, cfg, trust), options...)
				if f.count() == 0 {
					t.Skipf("the time was up before the call was sent: %v", err)
				}
				checkApplied(t, err, true)
				f.checkSame(t)
			})
		}
	}
}
