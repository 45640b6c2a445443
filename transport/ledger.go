package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/prefactordev/prefactor-go/errs"
)

// ledger is the account of what was written to connections for one call. It
// decides whether the server may have carried the call out, and nothing else
// does.
//
// What is written is reported by net/http's trace hooks, one trace a call: the
// call's context hands it out to whoever asks for a trace (see callContext), so
// that neither a request nor a context is copied for it, and a base that doesn't
// trace costs nothing. A write is open until a response settles it as refused;
// an error settles nothing.
type ledger struct {
	mu     sync.Mutex
	trace  *httptrace.ClientTrace // made when the first asks for it
	holder *send                  // the send that the trace's reports are of
	first  send                   // the memory of sends that don't overlap

	flying  *send // the sends in progress, as a list
	open    int   // writes that no response has settled
	strays  int   // writes past the wire, by a transport of a layer's own
	echoes  int   // writes that the call's trace is about to report once more
	late    int   // writes that were answered before they were reported, as HTTP/2 may
	sends   int   // requests that came to the wire
	written int   // all writes
	reused  bool  // the last connection had been used before

	copies  atomic.Int32 // of the call's body that GetBody made
	success http.Header  // of the last 2xx response, which may yet say "error"
}

// account returns the call's ledger; for a nil call one that is not read.
func (c *Call) account() *ledger {
	if c == nil {
		return new(ledger)
	}
	return &c.ledger
}

// send is one request at the wire, from its beginning to its response or error.
type send struct {
	*ledger
	done <-chan struct{} // of the request's context
	base baseTraits
	next *send // in the list of those in progress

	inProgress bool
	copies     int32 // of the call's body, when it began
	asked      int   // for a connection
	got        int   // connections
	wrote      int   // header blocks: one a try, net/http's own replays included

	http1   bool        // the last connection surely speaks HTTP/1
	untaken func() bool // nothing was written to it; nil if it doesn't count
}

// ended reports whether the request's context has ended.
func (s *send) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// baseTraits is what is known of a base.
type baseTraits struct {
	exact bool // an [http.Transport]: when it returns, its round trip is over
	h2c   bool // it may speak HTTP/2 without TLS
}

func traitsOf(base http.RoundTripper) baseTraits {
	t, ok := base.(*http.Transport)
	if !ok || traceKey == nil {
		return baseTraits{h2c: true}
	}
	return baseTraits{exact: true, h2c: t.Protocols != nil && t.Protocols.UnencryptedHTTP2()}
}

// begin enters a request into the account, and returns the context to send it
// with. Of the requests of a call that overlap the first has the call's trace;
// any other one gets a trace of its own.
func (l *ledger) begin(ctx context.Context, base baseTraits) (*send, context.Context) {
	s, shared := l.enter(ctx, base)
	if shared {
		return s, ctx
	}
	own := l.hooks(false, func() *send {
		if s.inProgress {
			return s
		}
		return nil
	})
	carrier, ok := ctx.Value(carrierKey{}).(*callContext)
	if ok && httptrace.ContextClientTrace(ctx) == l.callTrace(carrier.Context) {
		return s, &tracedContext{ctx, joined(own, carrier.Context)}
	}
	// The trace of a layer is composed with the call's, which reports each write of
	// this send once more.
	report := own.WroteHeaders
	own.WroteHeaders = func() {
		l.mu.Lock()
		l.echoes++
		l.mu.Unlock()
		report()
	}
	return s, httptrace.WithClientTrace(ctx, own)
}

// tracedContext is a context with another trace.
type tracedContext struct {
	context.Context
	trace *httptrace.ClientTrace
}

func (c *tracedContext) Value(key any) any {
	if key == traceKey {
		return c.trace
	}
	return c.Context.Value(key)
}

// joined returns trace with the hooks of outer's trace, if it has one.
func joined(trace *httptrace.ClientTrace, outer context.Context) *httptrace.ClientTrace {
	if httptrace.ContextClientTrace(outer) == nil {
		return trace
	}
	return httptrace.ContextClientTrace(httptrace.WithClientTrace(outer, trace))
}

// enter adds a send to those in progress. shared reports that it has the call's
// trace.
func (l *ledger) enter(ctx context.Context, base baseTraits) (s *send, shared bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sends++
	shared = l.holder == nil && CallFrom(ctx) != nil
	if s = &l.first; !shared || s.inProgress {
		s = new(send)
	}
	*s = send{ledger: l, done: ctx.Done(), base: base, next: l.flying, inProgress: true, copies: l.copies.Load()}
	l.flying = s
	if shared {
		l.holder = s
	}
	return s, shared
}

// hooks returns a trace whose reports are entered for the send that of returns,
// if it returns one. shared says that it is the call's trace.
func (l *ledger) hooks(shared bool, of func() *send) *httptrace.ClientTrace {
	awaited := 0    // connections whose write isn't reported yet
	dumped := false // the last connection was none, but httputil.DumpRequestOut's
	return &httptrace.ClientTrace{
		GetConn: func(string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if s := of(); s != nil {
				s.asked++
			}
		},
		GotConn: func(info httptrace.GotConnInfo) {
			l.mu.Lock()
			defer l.mu.Unlock()
			s := of()
			if dumped = isDump(info.Conn); dumped {
				if s != nil {
					s.asked--
				}
				return
			}
			awaited++
			l.reused = info.Reused
			if s != nil {
				s.got++
				s.http1 = isHTTP1(info.Conn, s.base)
				s.untaken = untaken(info.Conn)
			}
		},
		WroteHeaders: func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			dump := dumped && awaited == 0
			awaited = max(awaited-1, 0)
			if shared && l.echoes > 0 {
				l.echoes--
				return
			}
			if dump {
				return
			}
			l.written++
			switch s := of(); {
			case s != nil:
				s.wrote++
			case l.late > 0:
				l.late--
			default:
				l.strays++
			}
		},
	}
}

// callTrace returns the call's trace, with the hooks of outer, the trace of the
// caller's context, which may be nil.
func (l *ledger) callTrace(outer context.Context) *httptrace.ClientTrace {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.trace == nil {
		l.trace = joined(l.hooks(true, func() *send { return l.holder }), outer)
	}
	return l.trace
}

// leave takes a send that has ended out of those in progress.
func (s *send) leave() {
	s.inProgress = false
	if s.holder == s {
		s.holder = nil
	}
	for at := &s.flying; *at != nil; at = &(*at).next {
		if *at == s {
			*at = s.next
			return
		}
	}
}

// answered enters the response of a send. refused reports that the server, or
// whoever answered for it, did not take the request on: that settles one write,
// the last, and none of those before it.
func (s *send) answered(resp *http.Response, refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leave()
	writes := max(s.wrote, 1) // a base that doesn't trace has sent it once
	if s.got > 0 && s.wrote == 0 {
		s.late++
	}
	if refused {
		writes--
	}
	s.open += writes
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		s.success = resp.Header
	}
}

// refuse settles the write whose response has this header: its document says
// "error". A response that a layer made by itself settles nothing. A response is
// known by its header because its Request may have the token.
func (l *ledger) refuse(header http.Header) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if header != nil && reflect.ValueOf(l.success).UnsafePointer() == reflect.ValueOf(header).UnsafePointer() {
		l.success = nil
		l.open--
	}
}

// lost enters the error with which the sending of a request with this body ended,
// and returns it typed.
func (s *send) lost(ctx context.Context, err error, body io.ReadCloser) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leave()
	reach := s.reach(s.ended(), body)
	typed := errs.FromBase(ctx, err, reach)
	switch {
	case reach == errs.ReachWritten:
		s.open += max(s.wrote, 1)
		if network, ok := typed.(*errs.NetworkError); ok && typed != err && !network.Sent {
			s.open-- // the last write met no HTTP server
		}
	case (reach == errs.ReachUnknown || reach == errs.ReachRead) && (errs.KindOf(typed) == errs.KindOther || errs.MaybeApplied(typed)):
		s.open++
	}
	return typed
}

// reach returns how far a send came that ended in an error; ended reports that
// its context had ended.
func (s *send) reach(ended bool, body io.ReadCloser) errs.Reach {
	untraced := s.asked == 0 && s.got == 0 // HTTP/2 may get a connection without asking
	switch {
	case ended && s.wrote == 1 && s.got == 1 && s.base.exact && s.http1 && s.untaken != nil && s.untaken():
		return errs.ReachConnected // the write was reported, and didn't arrive
	case s.wrote > 0:
		return errs.ReachWritten
	case untraced && (s.base.exact || !ended && s.untouched(body)):
		return errs.ReachUntouched
	case untraced && body != nil && body != http.NoBody:
		return errs.ReachRead
	case untraced:
		return errs.ReachUnknown
	case ended && !s.base.exact, ended && s.got > 0 && !s.http1:
		return errs.ReachWritten // it may still be written
	case s.got > 0:
		return errs.ReachConnected
	}
	return errs.ReachUnconnected
}

// isDump reports whether a connection is that of [net/http/httputil.DumpRequestOut],
// which sends a request to nowhere to see it as it is written.
func isDump(conn net.Conn) bool {
	t := reflect.TypeOf(conn)
	return t != nil && t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "net/http/httputil"
}

// isHTTP1 reports whether a connection surely speaks HTTP/1, whose round trip
// doesn't end before its writer does. That of HTTP/2 may.
func isHTTP1(conn net.Conn, base baseTraits) bool {
	if secure, ok := conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return secure.ConnectionState().NegotiatedProtocol != "h2"
	}
	return !base.h2c
}

// untaken returns a function that reports whether nothing was written to conn
// since now; nil if conn doesn't count, as those of middleware.NewBase do. The
// report of a write comes when the header is buffered, and a cancellation may
// close the connection before the buffer is flushed.
func untaken(conn net.Conn) func() bool {
	closing := int64(0) // what TLS writes to close a connection
	if _, secure := conn.(interface{ ConnectionState() tls.ConnectionState }); secure {
		closing = 64
	}
	for conn != nil {
		if counter, ok := conn.(interface{ BytesWritten() int64 }); ok {
			most := counter.BytesWritten() + closing
			return func() bool { return counter.BytesWritten() <= most }
		}
		outer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = outer.NetConn()
	}
	return nil
}

// untouched reports whether a request's body is one of this package's of which
// nothing was read, and no copy was made. net/http treats readers that it knows
// better than others, so the body is one of them, and this looks into it.
func (s *send) untouched(body io.ReadCloser) bool {
	if body == nil || reflect.TypeOf(body) != replayableBody || s.copies != s.ledger.copies.Load() {
		return false
	}
	reader, ok := reflect.ValueOf(body).Field(0).Interface().(*bytes.Reader)
	return ok && int64(reader.Len()) == reader.Size() && reader.Size() > 0
}

// replayableBody is the type of the bodies that setBody makes.
var replayableBody = reflect.TypeOf(io.NopCloser(bytes.NewReader(nil)))

// maybeApplied reports whether the server may have carried the call out.
func (l *ledger) maybeApplied() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open > 0 || l.strays > 0 || l.flying != nil
}

// sent returns how many requests came to the wire, how many were written to
// connections, and whether the last went over one that had been used before.
func (l *ledger) sent() (sends, written int, reused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sends, l.written, l.reused
}

// traceKey is the key under which net/http looks for a trace in a context. It
// isn't exported, so it is learned once by letting httptrace ask.
var traceKey = func() any {
	asked := new(keySpy)
	httptrace.ContextClientTrace(asked)
	return asked.key
}()

// keySpy is a context that remembers the key that it was asked for.
type keySpy struct {
	context.Context
	key any
}

func (s *keySpy) Value(key any) any {
	s.key = key
	return nil
}
