package proxies_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

// road leads from the client through a proxy to the API.
type road struct {
	api   *api
	proxy *proxy
	url   string
	tune  func(*http.Transport)
}

// roads are the roads of the storm, by their names.
var roads = map[string]func(t *testing.T) road{
	"nginx, HTTP/1": func(t *testing.T) road {
		api := newAPI(t, nil, latency)
		front := newNginx(t, api.addr, "")
		return road{api, front.proxy, "http://" + front.plain, testAuthority().trust}
	},
	"nginx, HTTP/1 over TLS": func(t *testing.T) road {
		api := newAPI(t, nil, latency)
		front := newNginx(t, api.addr, "")
		return road{api, front.proxy, "https://" + front.secure, testAuthority().trust}
	},
	"nginx, HTTP/2": func(t *testing.T) road {
		api := newAPI(t, nil, latency)
		front := newNginx(t, api.addr, "")
		return road{api, front.proxy, "https://" + front.http2, testAuthority().trust}
	},
	"haproxy, HTTP/1": func(t *testing.T) road {
		api := newAPI(t, nil, latency)
		front := newHAProxy(t, api.addr, "", "")
		return road{api, front.proxy, "http://" + front.plain, testAuthority().trust}
	},
	"haproxy, HTTP/1 over TLS": func(t *testing.T) road {
		api := newAPI(t, nil, latency)
		front := newHAProxy(t, api.addr, "", "")
		return road{api, front.proxy, "https://" + front.secure, testAuthority().trust}
	},
	"haproxy, HTTP/2": func(t *testing.T) road {
		api := newAPI(t, nil, latency)
		front := newHAProxy(t, api.addr, "", "")
		return road{api, front.proxy, "https://" + front.http2, testAuthority().trust}
	},
	"squid, plain": func(t *testing.T) road {
		api, squid := newAPI(t, nil, latency), newSquid(t, "")
		return road{api, squid, "http://" + api.addr, squid.through}
	},
	"squid, a tunnel of HTTP/1": func(t *testing.T) road { return tunnel(t, "http/1.1") },
	"squid, a tunnel of HTTP/2": func(t *testing.T) road { return tunnel(t, "h2") },
}

// latency keeps requests in flight, for what breaks them off.
var latency = prefactortest.WithLatency(5 * time.Millisecond)

func tunnel(t *testing.T, protocol string) road {
	api, squid := newAPI(t, testAuthority().settings(protocol), latency), newSquid(t, "")
	return road{api, squid, "https://" + api.addr, func(base *http.Transport) {
		testAuthority().trust(base)
		squid.through(base)
	}}
}

// Many calls are made while the proxy is reloaded and killed, and the API goes
// away and comes back. Then what the callers know is compared with what the API
// holds:
//
//   - lost: a call succeeded, but its span isn't there.
//   - doubled: a call left more than one span. Without a key that is no mistake of
//     the client if it sent the request once: a proxy may repeat it by itself.
//   - untrue: errs.MaybeApplied is false, but the span is there; or it is true, but
//     the call never had a connection.
func TestStorm(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(roads)) {
		t.Run(name, func(t *testing.T) {
			s := storm{road: roads[name](t)}
			s.rage(t)
			s.check(t)
		})
	}
}

// callers is the number of goroutines with a key, and of those without.
const callers = 16

type storm struct {
	road
	over  atomic.Bool
	mu    sync.Mutex
	calls []*call
}

// call is one call, and how it ended for its caller.
type call struct {
	name  string // of its span
	keyed bool
	err   error

	conns, writes atomic.Int32
}

// rage makes the calls, and closes everything afterwards.
func (s *storm) rage(t *testing.T) {
	t.Helper()
	cfg := middleware.NewConfig(s.url, prefactortest.Token)
	cfg.RequestTimeout = time.Second
	cfg.InitialRetryDelay, cfg.MaxRetryDelay = 5*time.Millisecond, 50*time.Millisecond
	base := middleware.NewBase(cfg, s.tune)
	keyed, keyless := connect(t, middleware.Default(cfg), s.url, base), connect(t, middleware.Default(cfg).Without("idempotency"), s.url, base)
	instance, err := keyed.Instances.Register(t.Context(), instances.RegisterParams{AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID})
	if err != nil {
		t.Fatal(err)
	}

	var calling sync.WaitGroup
	for caller := range callers {
		calling.Go(func() { s.call(t, keyed, true, instance.ID, caller) })
		calling.Go(func() { s.call(t, keyless, false, instance.ID, caller) })
	}
	for range 3 {
		for _, trouble := range []func(){
			s.proxy.reload,
			func() { s.api.down(); pause(); s.api.up() },
			func() { s.proxy.kill(); pause(); s.proxy.run() },
			s.closeConnections,
		} {
			pause()
			trouble()
		}
	}
	pause()
	s.over.Store(true)
	calling.Wait()
	base.CloseIdleConnections()
	s.proxy.kill() // then nothing is on its way any more
	s.api.down()
}

// pause is the time between troubles, and how long an outage lasts: real time,
// because the proxies live in it. No check depends on its length.
func pause() { time.Sleep(100 * time.Millisecond) }

// closeConnections breaks off the requests at the API.
func (s *storm) closeConnections() {
	s.api.down()
	s.api.up()
}

// call makes calls until the storm is over.
func (s *storm) call(t *testing.T, api *resources.API, keyed bool, instance string, caller int) {
	for n := 0; !s.over.Load(); n++ {
		c := &call{name: fmt.Sprintf("storm:%t-%d-%d", keyed, caller, n), keyed: keyed}
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			GotConn:      func(httptrace.GotConnInfo) { c.conns.Add(1) },
			WroteHeaders: func() { c.writes.Add(1) },
		})
		_, c.err = api.Spans.Create(ctx, spans.CreateParams{AgentInstanceID: instance, SchemaName: c.name})
		s.mu.Lock()
		s.calls = append(s.calls, c)
		s.mu.Unlock()
	}
}

func connect(t *testing.T, stack transport.Stack, url string, base http.RoundTripper) *resources.API {
	t.Helper()
	rt, err := stack.RoundTripper(base)
	if err != nil {
		t.Fatal(err)
	}
	client, err := transport.NewClient(url, rt)
	if err != nil {
		t.Fatal(err)
	}
	return resources.New(client)
}

// check compares the calls with what the API holds.
func (s *storm) check(t *testing.T) {
	t.Helper()
	held := make(map[string]int)
	for _, span := range s.api.Spans() {
		held[span.SchemaName]++
	}
	kinds := make(map[errs.Kind]int)
	failed, maybe, repeated := 0, 0, 0
	for _, c := range s.calls {
		kinds[errs.KindOf(c.err)]++
		mayBe := errs.MaybeApplied(c.err)
		if c.err != nil {
			failed++
		}
		if mayBe {
			maybe++
		}
		broken := ""
		switch spans := held[c.name]; {
		case spans > 1 && !c.keyed && c.writes.Load() == 1:
			repeated++
		case spans > 1:
			broken = fmt.Sprintf("left %d spans", spans)
		case spans == 0 && c.err == nil:
			broken = "succeeded, but its span isn't there"
		case spans == 1 && c.err != nil && !mayBe:
			broken = "wasn't applied, it says, but its span is there"
		case mayBe && c.conns.Load() == 0:
			broken = "may have been applied, it says, but never had a connection"
		}
		if broken != "" {
			t.Errorf("call %s %s (%d connections, %d writes): %v", c.name, broken, c.conns.Load(), c.writes.Load(), c.err)
		}
	}
	if failed == 0 || failed == len(s.calls) {
		t.Errorf("%d of %d calls failed: that is no storm", failed, len(s.calls))
	}
	var counts []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		counts = append(counts, fmt.Sprintf("%s %d", kind, kinds[kind]))
	}
	t.Logf("%d calls: %s; %d may have been applied; %d were repeated by the proxy", len(s.calls), strings.Join(counts, ", "), maybe, repeated)
}
