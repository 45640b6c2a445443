package prefactortest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// An Exchange is one request that reached the fake, and its response. Its
// header, query and bytes are shared with the journal: don't change them.
type Exchange struct {
	// Number counts the fake's requests from 1, in the order of arrival.
	Number int
	// Conn is the number of the connection, counted from 1 in the order in
	// which they were accepted. It is 0 on a face without connections.
	Conn int
	// Time is when the request arrived, by the fake's clock.
	Time time.Time
	// Operation is the operation that was called, such as agent_spans.create.
	// It is empty if no route matched.
	Operation string
	Method    string
	// Path is the unescaped path.
	Path   string
	Query  url.Values
	Header http.Header
	Body   []byte

	// HeaderKey is the Idempotency-Key header. BodyKey is the body's
	// idempotency_key, at the top level or, as some clients send it, inside
	// details, where [DropUnknown] drops it. Key is the one that the fake uses.
	HeaderKey, BodyKey, Key string
	// Attempt counts the requests with this key, method and path from 1. It
	// is 0 without a key, because nothing then links attempts of one call.
	Attempt int

	// Status is the response status, or 0 if a fault left the request without
	// a response.
	Status int
	// Answer is the response body. It is whole even if a fault cut it, and has
	// no filler if the fault was Oversized.
	Answer []byte
	// Committed reports whether this exchange changed what the fake holds. A
	// replay doesn't.
	Committed bool
	// Replay reports whether the response is that of an earlier request with
	// the same key.
	Replay bool
	// Dropped names the body fields that [DropUnknown] dropped, with their path,
	// such as details.colour or items.0.details.colour, and the query parameters.
	Dropped []string
	// Fault is the String of the fault that struck, or empty.
	Fault string
}

// String returns one line: the operation and the status, then an attempt
// number above 1, a replay, dropped fields and a fault.
func (x Exchange) String() string {
	var b strings.Builder
	b.WriteString(x.Operation)
	if x.Operation == "" {
		b.WriteString(x.Method + " " + x.Path)
	}
	if x.Status == 0 {
		b.WriteString(" no response")
	} else {
		fmt.Fprintf(&b, " %d", x.Status)
	}
	if x.Attempt > 1 {
		fmt.Fprintf(&b, ", attempt %d", x.Attempt)
	}
	if x.Replay {
		b.WriteString(", replay")
	}
	if len(x.Dropped) > 0 {
		b.WriteString(", dropped " + strings.Join(x.Dropped, " "))
	}
	if x.Fault != "" {
		b.WriteString(", fault: " + x.Fault)
	}
	if x.Fault != "" && x.Committed {
		b.WriteString(", committed")
	}
	return b.String()
}

// Journal returns the exchanges so far, in the order of arrival. It includes
// those that are still being served, without their response.
func (f *Fake) Journal() []Exchange {
	f.made()
	f.journal.mu.Lock()
	defer f.journal.mu.Unlock()
	return slices.Clone(f.journal.kept)
}

// An attemptKey identifies one call of a client.
type attemptKey struct{ method, path, key string }

type journal struct {
	mu       sync.Mutex
	limit    int // 0 keeps everything
	begun    int
	kept     []Exchange // the last begun
	attempts map[attemptKey]int
	changed  chan struct{} // closed at the next change; nil without waiters
}

func newJournal(limit int) journal {
	return journal{limit: limit, attempts: make(map[attemptKey]int)}
}

// begin numbers the exchange and adds it.
func (j *journal) begin(x Exchange) Exchange {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.begun++
	x.Number = j.begun
	if x.Key != "" {
		key := attemptKey{x.Method, x.Path, x.Key}
		j.attempts[key]++
		x.Attempt = j.attempts[key]
	}
	j.kept = append(j.kept, x)
	if j.limit > 0 && len(j.kept) > j.limit {
		j.kept = slices.Delete(j.kept, 0, len(j.kept)-j.limit)
	}
	return x
}

// finish replaces the exchange, if it is still kept, by its final form.
func (j *journal) finish(x Exchange) {
	j.mu.Lock()
	if n := x.Number - 1 - (j.begun - len(j.kept)); n >= 0 {
		j.kept[n] = x
	}
	j.mu.Unlock()
	j.wake()
}

// watch returns a channel that is closed at the next change.
func (j *journal) watch() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.changed == nil {
		j.changed = make(chan struct{})
	}
	return j.changed
}

// wake closes the channel that watch returned.
func (j *journal) wake() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}
