package middleware_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// dumping logs each request as httputil.DumpRequestOut shows it, for which that
// sends the request to a connection that leads nowhere.
func dumping(name string) transport.Layer {
	return transport.NewLayerFunc(name, transport.Anywhere, func(req *http.Request, next transport.Next) (*http.Response, error) {
		if _, err := httputil.DumpRequestOut(req, true); err != nil {
			return nil, err
		}
		return next(req)
	})
}

// dumpingBase is a base that does the same.
type dumpingBase struct{ http.RoundTripper }

func (b dumpingBase) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	if _, err := httputil.DumpRequestOut(req, true); err != nil {
		return nil, err
	}
	return b.RoundTripper.RoundTrip(req)
}

// dumps are the places where requests are dumped.
var dumps = map[string]func(s *site, stack transport.Stack) transport.Stack{
	"in layers": func(_ *site, stack transport.Stack) transport.Stack {
		return stack.PerCall(dumping("once a call")).PerAttempt(dumping("once an attempt")).Wire(dumping("at the wire"))
	},
	"in layers, and hedged": func(_ *site, stack transport.Stack) transport.Stack {
		return stack.PerAttempt(middleware.Hedge(middleware.NewHedge(time.Hour)), dumping("once an attempt")).Wire(dumping("at the wire"))
	},
	"in the base": func(s *site, stack transport.Stack) transport.Stack {
		s.base.RoundTripper = dumpingBase{s.base.RoundTripper}
		return stack
	},
	"in a layer and in the base": func(s *site, stack transport.Stack) transport.Stack {
		s.base.RoundTripper = dumpingBase{s.base.RoundTripper}
		return stack.Wire(dumping("at the wire"))
	},
}

func TestARequestThatIsDumpedWasNotSent(t *testing.T) {
	t.Parallel()
	fault := prefactortest.On(writes)
	for _, tt := range []struct {
		name     string
		fault    prefactortest.Fault
		noKey    bool
		requests int
		applied  bool
	}{
		{name: "422", fault: fault.Reply(422), requests: 1},
		{name: "429 always", fault: fault.Always().Reply(429), requests: 4},
		{name: "429 always, without a key", fault: fault.Always().Reply(429), noKey: true, requests: 4},
		{name: "503 always", fault: fault.Always().Reply(503), requests: 4, applied: true},
		{name: "503, without a key", fault: fault.Reply(503), noKey: true, requests: 1, applied: true},
		{name: "a reset after the commit, without a key", fault: fault.ResetAfter(), noKey: true, requests: 1, applied: true},
		{name: "a cut body, without a key", fault: fault.CutBody(5), noKey: true, requests: 1, applied: true},
	} {
		for place, dump := range dumps {
			t.Run(tt.name+", "+place, func(t *testing.T) {
				t.Parallel()
				onSite(t, func(t *testing.T, s *site) {
					s.fake.Inject(tt.fault)
					err := write(t.Context(), s.retrying(func(stack transport.Stack) transport.Stack {
						if tt.noKey {
							stack = stack.Without("idempotency")
						}
						return dump(s, stack)
					}))
					failure, ok := errors.AsType[*errs.Error](err)
					if !ok {
						t.Fatalf("the error is %v", err)
					}
					sends := 0
					for _, a := range failure.Attempts {
						sends += a.Sends
					}
					if n := len(s.fake.Journal()); n != tt.requests || sends != n || failure.MaybeApplied != tt.applied {
						t.Errorf("the server got %d requests, the error has %d sends and MaybeApplied %t, want %d and %t: %v",
							n, sends, failure.MaybeApplied, tt.requests, tt.applied, err)
					}
				})
			})
		}
	}
}

func TestADumpedRequestWithoutAConnectionWasNotSent(t *testing.T) {
	t.Parallel()
	for place, dump := range dumps {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				s.base.RoundTripper = refusingBase()
				err := write(t.Context(), s.retrying(func(stack transport.Stack) transport.Stack { return dump(s, stack) }))
				if !errors.Is(err, errs.ErrExhausted) || errs.MaybeApplied(err) {
					t.Errorf("MaybeApplied is %t: %v", errs.MaybeApplied(err), err)
				}
			})
		})
	}
}

// refusingBase is a transport whose connections are refused.
func refusingBase() *http.Transport {
	return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}}
}

// A base that doesn't trace has the dump's reports alone.
func TestADumpHidesNothingOfABaseThatDoesNotTrace(t *testing.T) {
	t.Parallel()
	for place, dump := range dumps {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				s.base.RoundTripper = s.fake.RoundTripper()
				s.fake.Inject(prefactortest.On(writes).Always().ResetAfter())
				err := write(t.Context(), s.retrying(func(stack transport.Stack) transport.Stack { return dump(s, stack) }))
				if !errors.Is(err, errs.ErrExhausted) || !errs.MaybeApplied(err) {
					t.Errorf("MaybeApplied is %t: %v", errs.MaybeApplied(err), err)
				}
			})
		})
	}
}
