package prefactortest

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A Fault says which requests go wrong and how. [On] makes one, its methods
// return a changed copy, and [Fake.Inject] arms it:
//
//	fake.Inject(
//		prefactortest.On("agent_spans.create").Times(2).Reply(503).RetryAfter(2*time.Second),
//		prefactortest.On("agent_spans.finish").ResetAfter(),
//	)
//
// Whether the operation runs depends on the fault:
//
//   - It doesn't run if the fault sends a response of its own (Reply, HTML,
//     Malformed, WrongEnvelope, Oversized, Redirect) or none at all (Hang,
//     ResetBefore, CloseBefore). With Commit it runs first, and its response is
//     lost.
//   - It runs if the fault only changes the server's response (Delay, Stall,
//     CutBody, Header, RetryAfter), and under ResetAfter and CloseAfter.
//
// By default a fault strikes the next matching request, once. Nth, Times,
// Always and Chance change that.
//
// An [http.Transport] resends a request by itself if a reused connection is
// reset or closed before any response, and the request is a GET or has an
// Idempotency-Key header. The code above it then sees no error; the journal
// shows both requests.
type Fault struct {
	pattern  string
	when     func(Exchange) bool
	nth      int     // the first matching request that it strikes
	times    int     // how many it strikes; 0 means no limit
	chance   float64 // of striking each
	optional bool
	sparing  bool // see SpareKeyless

	kind       faultKind
	commit     bool
	status     int
	body       []byte
	header     http.Header
	retryDate  time.Duration // Retry-After as a date, this long after the response
	retryField time.Duration // the body's retry_after_ms
	filler     int64
	delay      time.Duration
	stall      time.Duration
	cut        int // -1 leaves the body whole

	words []string // what it does, for String
}

type faultKind int

const (
	kindNone  faultKind = iota // does nothing yet
	kindTreat                  // changes the server's response
	kindReply                  // sends a response of its own
	kindReset
	kindClose
	kindHang
)

// On makes a fault for the requests that match pattern, in the syntax of
// [path.Match]: an operation such as agent_spans.create, agents.* or * for
// all of them, or, if it begins with a slash, a path such as
// /api/v1/agent_spans/*. It panics if the pattern is malformed, or if an operation
// pattern matches no operation.
//
// The methods of a Fault panic, too, on what can't be: a status, a number, a
// probability or a duration out of its range, or a nil function.
func On(pattern string) Fault {
	if _, err := path.Match(pattern, ""); err != nil {
		panic(fmt.Sprintf("prefactortest: On(%q): the pattern is malformed: see path.Match", pattern))
	}
	if !strings.HasPrefix(pattern, "/") && !namesOperation(pattern) {
		panic(fmt.Sprintf("prefactortest: On(%q): no operation has that name; the operations are %s",
			pattern, strings.Join(operationNames(), ", ")))
	}
	return Fault{pattern: pattern, nth: 1, times: 1, chance: 1, cut: -1}
}

func namesOperation(pattern string) bool {
	return slices.ContainsFunc(operations, func(op *operation) bool {
		ok, err := path.Match(pattern, op.name)
		return ok && err == nil
	})
}

func operationNames() []string {
	names := make([]string, len(operations))
	for i, op := range operations {
		names[i] = op.name
	}
	return names
}

// When narrows the fault to the requests for which match returns true. match
// gets the exchange as known before the response, including the attempt number
// and the keys. Calls to match never overlap. It may call every method of the
// fake except those about faults.
func (f Fault) When(match func(Exchange) bool) Fault {
	must(match != nil, "When(nil)", "give a function")
	f.when = match
	return f
}

// Nth makes the fault strike from the n-th matching request on, counted from
// 1 at its injection.
func (f Fault) Nth(n int) Fault {
	must(n >= 1, fmt.Sprintf("Nth(%d)", n), "requests are counted from 1")
	f.nth = n
	return f.word("from request " + strconv.Itoa(n))
}

// Times makes the fault strike n requests.
func (f Fault) Times(n int) Fault {
	must(n >= 1, fmt.Sprintf("Times(%d)", n), "give 1 or more, or Always")
	f.times = n
	return f.word(strconv.Itoa(n) + " times")
}

// Always makes the fault strike every matching request, until [Fake.Heal].
func (f Fault) Always() Fault {
	f.times = 0
	return f.word("always")
}

// Chance makes the fault strike each matching request with probability p,
// drawn with the fake's seed. It makes the fault optional.
func (f Fault) Chance(p float64) Fault {
	must(p >= 0 && p <= 1, fmt.Sprintf("Chance(%g)", p), "a probability is 0 to 1")
	f.times, f.chance, f.optional = 0, p, true
	return f.word("with chance " + strconv.FormatFloat(p, 'g', 3, 64))
}

// SpareKeyless keeps the fault from writes without an idempotency key if their
// operation runs in spite of the fault. A client that repeats such a write
// after a lost response makes a duplicate, which no server can prevent. A bulk
// request isn't spared, because its items have keys.
func (f Fault) SpareKeyless() Fault {
	f.sparing = true
	return f
}

// Optional makes the fault never [Fake.Unfired], however few requests it
// strikes.
func (f Fault) Optional() Fault {
	f.optional = true
	return f
}

// Commit lets the operation run, although the client doesn't get its
// response.
func (f Fault) Commit() Fault {
	f.commit = true
	return f.word("commit")
}

// Reply responds with the status. The body is an error as the API writes it,
// {"status":"success"} below 400, or empty for 204 and 304; Body replaces it.
func (f Fault) Reply(status int) Fault {
	var body []byte
	switch {
	case status == http.StatusNoContent, status == http.StatusNotModified:
	case status >= http.StatusBadRequest:
		body = encode(statusError(status).doc())
	default:
		body = encode(statusDoc{Status: "success"})
	}
	return f.reply(status, "application/json", string(body), fmt.Sprintf("reply %d", status))
}

func (f Fault) reply(status int, contentType, body, word string) Fault {
	must(status >= 200 && status <= 599, word, "the status of a response is 200 to 599")
	f = f.Header("Content-Type", contentType)
	f.kind, f.status, f.body = kindReply, status, []byte(body)
	return f.word(word)
}

// Body sets the body of the response that Reply makes. Call it after Reply.
func (f Fault) Body(body string) Fault {
	f.body = []byte(body)
	return f
}

// Header sets a header field of the fault's response, or of the server's if
// the fault has none of its own.
func (f Fault) Header(name, value string) Fault {
	must(name != "", `Header("")`, "give a name")
	f.header = f.header.Clone()
	if f.header == nil {
		f.header = make(http.Header)
	}
	f.header.Set(name, value)
	return f.treats()
}

// RetryAfter adds a Retry-After header in seconds, rounded up.
func (f Fault) RetryAfter(d time.Duration) Fault {
	mustWait("RetryAfter", d)
	seconds := int64((d + time.Second - 1) / time.Second)
	return f.Header("Retry-After", strconv.FormatInt(seconds, 10)).word(fmt.Sprintf("retry after %ds", seconds))
}

// RetryAfterDate adds a Retry-After header with a date d after the response,
// by the fake's clock, rounded up to a whole second.
func (f Fault) RetryAfterDate(d time.Duration) Fault {
	mustWait("RetryAfterDate", d)
	f.retryDate = d
	return f.treats().word(fmt.Sprintf("retry at the date %v later", d))
}

// RetryAfterMS adds the field retry_after_ms to the response body, if that is
// a JSON object.
func (f Fault) RetryAfterMS(d time.Duration) Fault {
	mustWait("RetryAfterMS", d)
	f.retryField = d
	return f.treats().word(fmt.Sprintf("retry_after_ms %d", d.Milliseconds()))
}

// HTML responds with an HTML page, as a proxy in front of the API would.
func (f Fault) HTML(status int) Fault {
	page := fmt.Sprintf("<!DOCTYPE html>\n<html><head><title>%d %s</title></head><body><h1>%[2]s</h1></body></html>\n",
		status, http.StatusText(status))
	return f.reply(status, "text/html; charset=utf-8", page, fmt.Sprintf("HTML page %d", status))
}

// Malformed responds with a document that ends as JSON does, and is broken within.
// For a document that ends early, give its beginning to Body.
func (f Fault) Malformed(status int) Fault {
	return f.reply(status, "application/json", `{"status":"success","details":{"id":}}`, fmt.Sprintf("malformed JSON %d", status))
}

// WrongEnvelope responds with a JSON document that isn't the API's envelope.
func (f Fault) WrongEnvelope(status int) Fault {
	return f.reply(status, "application/json", `{"ok":true,"data":{}}`, fmt.Sprintf("wrong envelope %d", status))
}

// Oversized responds 200 with a well-formed envelope of about size bytes and
// without a Content-Length. The body is generated while it is sent.
func (f Fault) Oversized(size int64) Fault {
	must(size >= 0, fmt.Sprintf("Oversized(%d)", size), "give a number of bytes")
	f = f.reply(http.StatusOK, "application/json", `{"status":"success","details":{"type":"filler","filler":""}}`,
		fmt.Sprintf("body of %d bytes", size))
	f.filler = max(0, size-int64(len(f.body)))
	return f
}

// Redirect responds with a 3xx status and the Location.
func (f Fault) Redirect(status int, location string) Fault {
	must(status >= 300 && status < 400, fmt.Sprintf("Redirect(%d)", status), "the status of a redirect is 300 to 399")
	return f.reply(status, "text/html; charset=utf-8", "", fmt.Sprintf("redirect %d", status)).Header("Location", location)
}

// ResetBefore resets the connection before the operation runs: nothing is
// committed.
func (f Fault) ResetBefore() Fault {
	f.kind = kindReset
	return f.word("reset before")
}

// ResetAfter resets the connection after the operation has run: it is
// committed and its response lost.
func (f Fault) ResetAfter() Fault {
	f.kind, f.commit = kindReset, true
	return f.word("reset after")
}

// CloseBefore closes the connection without a response, before the operation
// runs: nothing is committed. Unlike a reset, this is the orderly end of a
// connection (a FIN), as a restarting server or a proxy with a dead upstream
// sends it; the client reads an early [io.EOF].
func (f Fault) CloseBefore() Fault {
	f.kind = kindClose
	return f.word("close before")
}

// CloseAfter closes the connection without a response, after the operation
// has run: it is committed and its response lost.
func (f Fault) CloseAfter() Fault {
	f.kind, f.commit = kindClose, true
	return f.word("close after")
}

// Hang sends nothing until the client gives up or the face is closed.
func (f Fault) Hang() Fault {
	f.kind = kindHang
	return f.word("hang")
}

// Delay waits for d before the response header is sent. The operation, if it
// runs, runs before the wait.
func (f Fault) Delay(d time.Duration) Fault {
	mustWait("Delay", d)
	f.delay = d
	return f.treats().word("delay " + d.String())
}

// Stall waits for d in the middle of the response body.
func (f Fault) Stall(d time.Duration) Fault {
	mustWait("Stall", d)
	f.stall = d
	return f.treats().word("stall " + d.String())
}

// CutBody breaks the connection after n bytes of the response body, or one
// byte before its end if it is no longer than n. Content-Length stays that of
// the whole body.
func (f Fault) CutBody(n int) Fault {
	must(n >= 0, fmt.Sprintf("CutBody(%d)", n), "give a number of bytes")
	f.cut = n
	return f.treats().word(fmt.Sprintf("cut after %d bytes", n))
}

// String describes the fault, such as
// "agent_spans.create: 2 times, reply 503".
func (f Fault) String() string { return f.pattern + ": " + strings.Join(f.words, ", ") }

func (f Fault) word(w string) Fault {
	f.words = append(slices.Clip(f.words), w)
	return f
}

// treats makes a fault without a kind one that changes the server's response.
func (f Fault) treats() Fault {
	if f.kind == kindNone {
		f.kind = kindTreat
	}
	return f
}

// runs reports whether the operation runs in spite of the fault.
func (f *Fault) runs() bool { return f.commit || f.kind == kindTreat }

func (f *Fault) matches(x Exchange) bool {
	name := x.Operation
	if strings.HasPrefix(f.pattern, "/") {
		name = x.Path
	}
	matched, err := path.Match(f.pattern, name)
	return matched && err == nil && !f.spares(x) && (f.when == nil || f.when(x))
}

func (f *Fault) spares(x Exchange) bool {
	op := operationsByName[x.Operation]
	return f.sparing && f.runs() && op != nil && op.write && x.Key == ""
}

// treat applies the fault to d.
func (f *Fault) treat(d *delivery, now time.Time) {
	d.header = f.header.Clone()
	d.delay, d.stall, d.cut, d.filler = f.delay, f.stall, f.cut, f.filler
	switch f.kind {
	case kindReset:
		d.reset = true
	case kindClose:
		d.closed = true
	case kindHang:
		d.hang = true
	case kindReply:
		d.status, d.body = f.status, f.body
	}
	if f.retryDate != 0 {
		at := now.Add(f.retryDate + time.Second - 1).Truncate(time.Second)
		if d.header == nil {
			d.header = make(http.Header)
		}
		d.header.Set("Retry-After", at.UTC().Format(http.TimeFormat))
	}
	if f.retryField != 0 {
		d.body = withField(d.body, "retry_after_ms", strconv.FormatInt(f.retryField.Milliseconds(), 10))
	}
}

// withField adds a field to a JSON object; it returns anything else unchanged.
func withField(object []byte, name, value string) []byte {
	doc, problem := decodeObject(object)
	if problem != "" || doc == nil {
		return object
	}
	doc[name] = jsontext.Value(value)
	return encode(doc)
}
