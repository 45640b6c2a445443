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

// An Exchange is one request that reached the fake, and what became of it.
// Its header, query and bytes are shared with the journal: don't change
// them.
type Exchange struct {
	// Number counts the fake's requests from 1, in the order of arrival.
	Number int
	// Conn tells connections apart: they count from 1 in the order in which
	// they were accepted. It is 0 on a face without connections.
	Conn int
	// Time is when the request arrived, by the fake's clock.
	Time time.Time
	// Operation is what the request asked for, such as agent_spans.create;
	// empty where no route matched.
	Operation string
	Method    string
	// Path is the unescaped path.
	Path   string
	Query  url.Values
	Header http.Header
	Body   []byte

	// HeaderKey is the Idempotency-Key header, BodyKey the body's field:
	// at the top level or, as some clients send it, inside details. Key is
	// the one in force.
	HeaderKey, BodyKey, Key string
	// Attempt counts the requests with this key, operation and path from 1.
	// It is 0 without a key: then attempts can't be told apart.
	Attempt int

	// Status is the answer's; 0 where a fault left the request without one.
	Status int
	// Answer is the answer's body: whole where a fault cut it, without what
	// fills an Oversized one.
	Answer []byte
	// Committed tells that this very exchange changed what the fake holds.
	Committed bool
	// Replay tells that the answer is that of an earlier request with the
	// same key.
	Replay bool
	// Fault describes the fault that struck, or is empty.
	Fault string
}

// String is one line: operation and status, then what is out of the
// ordinary.
func (x Exchange) String() string {
	var b strings.Builder
	b.WriteString(x.Operation)
	if x.Operation == "" {
		b.WriteString(x.Method + " " + x.Path)
	}
	if x.Status == 0 {
		b.WriteString(" no answer")
	} else {
		fmt.Fprintf(&b, " %d", x.Status)
	}
	if x.Attempt > 1 {
		fmt.Fprintf(&b, ", attempt %d", x.Attempt)
	}
	if x.Replay {
		b.WriteString(", replay")
	}
	if x.Fault != "" {
		b.WriteString(", fault: " + x.Fault)
	}
	if x.Fault != "" && x.Committed {
		b.WriteString(", committed")
	}
	return b.String()
}

// Journal gives the exchanges so far in the order of arrival. One that the
// fake is still deciding on is there too, without its answer.
func (f *Fake) Journal() []Exchange {
	f.journal.mu.Lock()
	defer f.journal.mu.Unlock()
	return slices.Clone(f.journal.kept)
}

// An attemptKey names what is one call to the client that makes it.
type attemptKey struct{ method, path, key string }

type journal struct {
	mu       sync.Mutex
	limit    int // 0 keeps everything
	begun    int
	kept     []Exchange // the last of them
	attempts map[attemptKey]int
	changed  chan struct{} // closed at the next change; nil if nobody waits
}

func newJournal(limit int) journal {
	return journal{limit: limit, attempts: make(map[attemptKey]int)}
}

// begin gives the exchange its number and enters it.
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

// finish enters what became of the exchange.
func (j *journal) finish(x Exchange) {
	j.mu.Lock()
	if n := x.Number - 1 - (j.begun - len(j.kept)); n >= 0 {
		j.kept[n] = x
	}
	j.mu.Unlock()
	j.wake()
}

// watch gives a channel that is closed at the next change.
func (j *journal) watch() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.changed == nil {
		j.changed = make(chan struct{})
	}
	return j.changed
}

// wake tells those who watch that something has changed.
func (j *journal) wake() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}
