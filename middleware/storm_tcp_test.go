package middleware_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

var stormCalls = flag.Int("storm.calls", 20_000, "number of calls in the storm over TCP")

const (
	stormCallers = 64
	stormRate    = 0.3 // the share of requests that fail at the server

	// stormDialRate is the share of dials that each of the two network
	// faults affects. A request dials only if there is no idle connection;
	// at this rate these faults are about as frequent as each of the
	// server's.
	stormDialRate = 0.13

	// stormOutage is how many dials in a row are refused, as during a
	// restart of the server.
	stormOutage = 40
)

// TestStormOverTCP creates spans from 64 goroutines, over TCP connections that
// are kept alive, while the server fails 30 % of the requests and the network some
// of the dials. Then it compares what the callers know with what the server did:
//
//   - lost: a call succeeded, but its span isn't there.
//   - doubled: a call left more than one span.
//   - lies: errs.MaybeApplied is false, but the span is there.
//   - needless: errs.MaybeApplied is true, but no connection was ever made for
//     the call. The httptrace hooks of the call count them; every second call
//     has hooks.
//
// All must be 0, and so must the number of goroutines that are left. A call
// whose request was lost on its way to the server may have been applied, as far
// as the client can know; such calls are counted as careful.
//
// A longer storm:
//
//	go test ./middleware -run StormOverTCP -v -storm.calls=200000
//
// The test doesn't run in parallel with others, because it has real timeouts.
func TestStormOverTCP(t *testing.T) {
	calls := *stormCalls
	if testing.Short() {
		calls /= 10
	}
	s := new(tcpStorm)
	pprof.Do(t.Context(), pprof.Labels(stormLabel, t.Name()), func(context.Context) {
		s.run(t, calls)
	})
	s.check(t)
	s.checkGoroutines(t)
	t.Log(s.figures())
}

// stormConfig returns the configuration of the storm's stacks.
func stormConfig(url string, retries int) middleware.Config {
	cfg := middleware.NewConfig(url, prefactortest.Token)
	cfg.RequestTimeout = stormTimeout()
	cfg.MaxRetries = retries
	cfg.InitialRetryDelay, cfg.MaxRetryDelay = time.Millisecond, 5*time.Millisecond
	return cfg
}

// stormBase returns the base transport of all stacks.
func stormBase(url string, tune func(*http.Transport)) *http.Transport {
	return middleware.NewBase(stormConfig(url, 0), tune)
}

// stormTimeout is the time limit of an attempt: short, but long enough for 64
// callers on a small machine.
func stormTimeout() time.Duration {
	if underRace {
		return time.Second
	}
	return 250 * time.Millisecond
}

// serverFault is a kind of fault that the fake server injects.
type serverFault struct {
	name  string
	fault prefactortest.Fault
}

// stormFaults returns the faults of the server. Together they affect a request
// with the probability stormRate.
func stormFaults() []serverFault {
	on := prefactortest.On(stormCreate.Name())
	faults := []serverFault{
		{"reset before the commit", on.ResetBefore()},
		{"reset after it", on.ResetAfter()},
		{"FIN before the commit", on.CloseBefore()},
		{"FIN after it", on.CloseAfter()},
		{"cut body", on.CutBody(20)},
		{"429", on.Reply(http.StatusTooManyRequests).RetryAfterMS(2 * time.Millisecond)},
		{"503", on.Reply(http.StatusServiceUnavailable)},
		{"503 after the commit", on.Commit().Reply(http.StatusServiceUnavailable)},
		{"page 502", on.HTML(http.StatusBadGateway)},
		{"page 404 after the commit", on.Commit().HTML(http.StatusNotFound)},
		{"late response", on.Delay(time.Minute)}, // longer than the attempt's time limit
	}
	each := stormRate / float64(len(faults))
	for i := range faults {
		// A fault gets only the requests that the faults before it left
		// alone.
		faults[i].fault = faults[i].fault.Chance(each / (1 - each*float64(i)))
	}
	return faults
}

// stormNetwork makes the storm's connections, and injects the faults of the
// network. During an outage, dials go to a port without a listener. Single
// dials go to a listener that resets what it has accepted.
//
// It changes only the address of a dial. The connections are those that the
// base makes.
type stormNetwork struct {
	dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	resetter net.Listener

	storming                 atomic.Bool
	outage                   atomic.Int64 // dials still to be refused; may be negative
	dials, refused, accepted atomic.Int64
}

// newStormNetwork returns a network. The caller must call close, which closes
// its resetting listener.
func newStormNetwork(t *testing.T) *stormNetwork {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &stormNetwork{resetter: l}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
	}()
	return n
}

func (n *stormNetwork) close() { n.resetter.Close() }

// tune puts the network in front of the base's own dialer.
func (n *stormNetwork) tune(base *http.Transport) {
	n.dial = base.DialContext
	base.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		n.dials.Add(1)
		if n.storming.Load() {
			addr = n.redirect(addr)
		}
		return n.dial(ctx, network, addr)
	}
}

// redirect returns the address for a dial to addr.
func (n *stormNetwork) redirect(addr string) string {
	draw := rand.Float64()
	if draw < stormDialRate/stormOutage {
		n.outage.Store(stormOutage)
	}
	switch {
	case n.outage.Add(-1) >= 0:
		n.refused.Add(1)
		return "127.0.0.1:1" // a privileged port, so nothing listens there by chance
	case draw > 1-stormDialRate:
		n.accepted.Add(1)
		return n.resetter.Addr().String()
	}
	return addr
}

// stormJournal keeps what the server did for each key. It replaces the fake's
// own journal, which keeps all headers and bodies.
type stormJournal struct {
	mu        sync.Mutex
	requests  int
	faults    map[string]int // by their texts
	exchanges map[string][]prefactortest.Exchange
}

// observe is called for each request, after the server's handler has decided on
// it.
func (j *stormJournal) observe(x prefactortest.Exchange) {
	if x.Operation != stormCreate.Name() {
		return
	}
	x.Query, x.Header, x.Body, x.Answer = nil, nil, nil, nil
	j.mu.Lock()
	defer j.mu.Unlock()
	j.requests++
	j.faults[x.Fault]++
	j.exchanges[x.Key] = append(j.exchanges[x.Key], x)
}

// stormCall is one call, and how it ended for its caller.
type stormCall struct {
	key    string
	err    error
	number string // of the span in the response

	traced        bool
	conns, writes atomic.Int32 // connections that the call got, requests that it began to write
}

// trace returns ctx with hooks that count the call's connections.
func (c *stormCall) trace(ctx context.Context) context.Context {
	c.traced = true
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { c.conns.Add(1) },
		WroteHeaders: func() { c.writes.Add(1) },
	})
}

// seen describes what the call's own hooks saw.
func (c *stormCall) seen() string {
	if !c.traced {
		return ""
	}
	return fmt.Sprintf(" (%d connections, %d writes)", c.conns.Load(), c.writes.Load())
}

// stormSpan is the document of a span, with the number that the storm gave it.
type stormSpan struct {
	Details struct {
		Payload stormPayload `json:"payload"`
	} `json:"details"`
}

type stormPayload struct {
	Number string `json:"number"`
}

var stormCreate = transport.NewOp[stormSpan]("agent_spans.create", http.MethodPost, "/agent_spans")

// tcpStorm is a storm and its figures.
type tcpStorm struct {
	faults  []serverFault
	network *stormNetwork
	journal stormJournal
	calls   []stormCall

	spans    map[string]int // by the spans' numbers
	conns    int            // accepted by the server
	duration time.Duration

	failed, maybe, unconnected           int // calls that failed, and of these two kinds
	lost, doubled, mixed, lies, needless int
	careful, unwritten                   int
	liesBy                               map[string]int // by the fault that hid the commit
	goroutines                           int
}

// run makes the calls, and closes everything afterwards.
func (s *tcpStorm) run(t *testing.T, calls int) {
	t.Helper()
	s.faults = stormFaults()
	s.journal = stormJournal{faults: make(map[string]int), exchanges: make(map[string][]prefactortest.Exchange)}
	s.network = newStormNetwork(t)
	defer s.network.close()
	server := prefactortest.NewServer(t, prefactortest.WithObserver(s.journal.observe), prefactortest.WithJournalLimit(1))
	base := stormBase(server.URL, s.network.tune)

	// With few retries a call often fails; with many it often succeeds by a
	// replay.
	var clients []*transport.Client
	for _, retries := range []int{0, 1, 3} {
		clients = append(clients, newClient(t, middleware.Default(stormConfig(server.URL, retries)), server.URL, base))
	}
	instance := stormInstance(t, clients[0])
	for _, f := range s.faults {
		server.Inject(f.fault)
	}
	s.network.storming.Store(true)

	began := time.Now()
	s.calls = make([]stormCall, calls)
	var callers sync.WaitGroup
	for caller := range stormCallers {
		callers.Go(func() {
			for n := caller; n < calls; n += stormCallers {
				ctx := t.Context()
				if n/stormCallers%2 == 1 {
					ctx = s.calls[n].trace(ctx)
				}
				s.calls[n].do(ctx, clients[n%len(clients)], instance, strconv.Itoa(n))
			}
		})
	}
	callers.Wait()
	s.duration = time.Since(began)

	base.CloseIdleConnections()
	if err := server.Close(); err != nil { // returns when all handlers have ended
		t.Error(err)
	}
	s.conns = server.Connections()
	s.spans = make(map[string]int)
	for _, span := range server.Spans() {
		var payload stormPayload
		if err := json.Unmarshal(span.Payload, &payload); err != nil {
			t.Fatal(err)
		}
		s.spans[payload.Number]++
	}
}

// stormInstance registers the instance that the spans belong to.
func stormInstance(t *testing.T, client *transport.Client) string {
	t.Helper()
	register := transport.NewOp[struct {
		Details struct {
			ID string `json:"id"`
		} `json:"details"`
	}]("agent_instances.register", http.MethodPost, "/agent_instance/register")
	instance, err := register.Do(t.Context(), client, transport.Input{Body: map[string]any{"agent_id": prefactortest.AgentID}})
	if err != nil {
		t.Fatal(err)
	}
	return instance.Details.ID
}

// do makes the call, which creates the span with the number.
func (c *stormCall) do(ctx context.Context, client *transport.Client, instance, number string) {
	var meta transport.Meta
	span, err := stormCreate.Do(ctx, client, transport.Input{Body: map[string]any{"details": map[string]any{
		"agent_instance_id": instance, "schema_name": "llm", "status": "active", "payload": stormPayload{number},
	}}}, transport.WithMeta(&meta))
	c.key, c.err = meta.Key, err
	if failure, ok := errors.AsType[*errs.Error](err); ok {
		c.key = failure.Key
	}
	if err == nil {
		c.number = span.Details.Payload.Number
	}
}

// check compares what the callers know with what the server did.
func (s *tcpStorm) check(t *testing.T) {
	t.Helper()
	s.liesBy = make(map[string]int)
	for n := range s.calls {
		s.checkCall(t, strconv.Itoa(n), &s.calls[n])
	}
}

func (s *tcpStorm) checkCall(t *testing.T, number string, c *stormCall) {
	t.Helper()
	exchanges := s.journal.exchanges[c.key]
	var commits []prefactortest.Exchange
	for _, x := range exchanges {
		if x.Committed {
			commits = append(commits, x)
		}
	}
	// broken counts a call that breaks a promise, and reports the first
	// three for each promise with their exchanges.
	broken := func(count *int, promise string) {
		t.Helper()
		if *count++; *count <= 3 {
			t.Errorf("%s: call %s%s, whose error is: %v\n%s", promise, number, c.seen(), c.err, indented(exchanges))
		}
	}
	maybe := errs.MaybeApplied(c.err)
	unconnected := c.traced && c.conns.Load() == 0
	if c.err != nil {
		s.failed++
	}
	if c.err != nil && unconnected {
		s.unconnected++
	}
	if maybe {
		s.maybe++
	}
	switch {
	case len(commits) > 1 || s.spans[number] > 1:
		broken(&s.doubled, "doubled: the call left more than one span")
	case len(commits) != s.spans[number]:
		t.Errorf("call %s: the journal has %d commits under its key, the server %d spans with its number", number, len(commits), s.spans[number])
	case c.err == nil && len(commits) == 0:
		broken(&s.lost, "lost: the call succeeded, but its span isn't there")
	case c.err == nil && c.number != number:
		broken(&s.mixed, "mixed up: the call got the answer of another")
	case c.err != nil && len(commits) == 1 && !maybe:
		s.liesBy[s.faultName(commits[0].Fault)]++
		broken(&s.lies, "lie: MaybeApplied is false, but the span is there")
	case unconnected && len(exchanges) > 0:
		t.Errorf("call %s: the server got its request, but its httptrace hooks were never called", number)
	case maybe && unconnected:
		broken(&s.needless, "needless: MaybeApplied is true, but no connection was ever made")
	case maybe && len(exchanges) == 0:
		s.careful++
		if c.traced && c.writes.Load() == 0 {
			s.unwritten++
		}
	}
}

// indented returns the exchanges, one on each line.
func indented(exchanges []prefactortest.Exchange) string {
	if len(exchanges) == 0 {
		return "\tno request reached the server"
	}
	var b strings.Builder
	for _, x := range exchanges {
		fmt.Fprintf(&b, "\texchange %d on connection %d: %s\n", x.Number, x.Conn, x)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// faultName returns the storm's name for a fault of the journal.
func (s *tcpStorm) faultName(fault string) string {
	for _, f := range s.faults {
		if f.fault.String() == fault {
			return f.name
		}
	}
	return cmp.Or(fault, "no fault")
}

// figures is the storm in one line.
func (s *tcpStorm) figures() string {
	refused, accepted := int(s.network.refused.Load()), int(s.network.accepted.Load())
	struck := s.journal.requests - s.journal.faults[""] + refused + accepted
	all := s.journal.requests + refused + accepted
	var kinds []string
	for _, f := range s.faults {
		kinds = append(kinds, fmt.Sprintf("%s %d", f.name, s.journal.faults[f.fault.String()]))
	}
	kinds = append(kinds, fmt.Sprintf("connection refused %d", refused), fmt.Sprintf("connection reset when accepted %d", accepted))
	var lies []string
	for _, name := range slices.Sorted(maps.Keys(s.liesBy)) {
		lies = append(lies, fmt.Sprintf("%s %d", name, s.liesBy[name]))
	}
	return fmt.Sprintf("%d calls in %s, %d failed (%d maybe applied, %d of those traced never connected); "+
		"%d requests on %d connections, %d dials; %d faults (%.1f %%): %s; "+
		"lost %d, doubled %d, mixed up %d, lies %d [%s], needless %d, careful %d (%d of those traced wrote nothing), goroutines %d",
		len(s.calls), s.duration.Round(time.Millisecond), s.failed, s.maybe, s.unconnected,
		s.journal.requests, s.conns, s.network.dials.Load(), struck, 100*float64(struck)/float64(all), strings.Join(kinds, ", "),
		s.lost, s.doubled, s.mixed, s.lies, strings.Join(lies, ", "), s.needless, s.careful, s.unwritten, s.goroutines)
}

// stormLabel marks the goroutines that the storm starts: its callers, both ends
// of its connections, and what the layers start.
const stormLabel = "storm"

// checkGoroutines looks for goroutines that are left. It checks more than once,
// because the last of them take a moment to end.
func (s *tcpStorm) checkGoroutines(t *testing.T) {
	t.Helper()
	const patience = 5 * time.Second
	left, profile := labelled(t)
	for began := time.Now(); left > 0 && time.Since(began) < patience; left, profile = labelled(t) {
		runtime.Gosched()
	}
	if s.goroutines = left; left > 0 {
		t.Errorf("%d goroutines are left:\n%s", left, profile)
	}
}

// labelled counts the goroutines with the storm's label and returns the profile
// of all. In a profile, goroutines with the same stack and labels are one
// block:
//
//	3 @ 0x47b2ce 0x4a5c1d
//	# labels: {"storm":"TestStormOverTCP"}
func labelled(t *testing.T) (n int, profile string) {
	t.Helper()
	var text bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&text, 1); err != nil {
		t.Fatal(err)
	}
	for _, block := range labelledBlock.FindAllStringSubmatch(text.String(), -1) {
		count, err := strconv.Atoi(block[1])
		if err != nil {
			t.Fatal(err)
		}
		n += count
	}
	return n, text.String()
}

var labelledBlock = regexp.MustCompile(`(?m)^(\d+) @.*\n# labels: \{"` + stormLabel + `":`)
