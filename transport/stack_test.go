package transport_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// layer returns a layer that notes its name in the request's X-Path header.
func layer(name string, scope transport.Scope) transport.Layer {
	return transport.NewLayerFunc(name, scope, func(req *http.Request, next transport.Next) (*http.Response, error) {
		req.Header.Add("X-Path", name)
		return next(req)
	})
}

// sample is a stack of the usual shape.
func sample() transport.Stack {
	return transport.NewStack(
		layer("key", transport.PerCall),
		layer("retry", transport.Retries).Describe("3 retries"),
		layer("timeout", transport.PerAttempt).Describe("30s"),
		layer("auth", transport.PerAttempt),
	)
}

// answering is a base that answers with the request's X-Path.
var answering = baseFunc(func(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(strings.Join(req.Header["X-Path"], " ")))}, nil
})

type baseFunc func(*http.Request) (*http.Response, error)

func (f baseFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func order(t *testing.T, s transport.Stack) string {
	t.Helper()
	rt, err := s.RoundTripper(answering)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: rt}
	resp, err := client.Get("http://localhost/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	path, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(path)
}

func TestEditsPutLayersWhereTheySay(t *testing.T) {
	t.Parallel()
	a, b := layer("a", transport.Anywhere), layer("b", transport.Anywhere)
	bare := transport.NewStack(layer("key", transport.PerCall), layer("auth", transport.PerAttempt))
	hedged := sample().Before("retry", layer("hedge", transport.Repeats))
	for _, tt := range []struct {
		name  string
		stack transport.Stack
		want  string
	}{
		{"as made", sample(), "key retry timeout auth"},
		{"per call", sample().PerCall(a, b), "key a b retry timeout auth"},
		{"per call, one by one", sample().PerCall(a).PerCall(b), "key a b retry timeout auth"},
		{"per attempt", sample().PerAttempt(a, b), "key retry a b timeout auth"},
		{"per attempt, one by one", sample().PerAttempt(a).PerAttempt(b), "key retry a b timeout auth"},
		{"wire", sample().Wire(a).Wire(b), "key retry timeout auth a b"},
		{"before", sample().Before("timeout", a, b), "key retry a b timeout auth"},
		{"after", sample().After("timeout", a, b), "key retry timeout a b auth"},
		{"replace", sample().Replace("timeout", a), "key retry a auth"},
		{"without", sample().Without("timeout", "key"), "retry auth"},
		{"per call without retry", bare.PerCall(a), "key a auth"},
		{"per attempt without retry", bare.PerAttempt(a), "key a auth"},
		{"per call outside a hedge", hedged.PerCall(a), "key a hedge retry timeout auth"},
		{"per attempt inside retry, not the hedge", hedged.PerAttempt(a), "key hedge retry a timeout auth"},
		{"all", sample().Wire(layer("w", transport.PerAttempt)).PerCall(a).PerAttempt(b), "key a retry b timeout auth w"},
		{"empty", transport.NewStack().PerCall(a).PerAttempt(b), "a b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := order(t, tt.stack); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestAnEditLeavesTheStackAsItWas(t *testing.T) {
	t.Parallel()
	s := sample()
	before := s.String()
	s.PerCall(layer("a", transport.PerCall))
	s.Wire(layer("b", transport.Anywhere))
	s.Without("auth")
	s.Replace("auth", layer("c", transport.Anywhere))
	s.Before("nothing")
	if after := s.String(); after != before {
		t.Errorf("the stack changed:\n%s", after)
	}
	if _, err := s.RoundTripper(answering); err != nil {
		t.Errorf("a bad edit of a copy is in the stack: %v", err)
	}
}

func TestAStackPrintsItself(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		stack transport.Stack
		want  string
	}{
		{"with retry", sample().PerCall(layer("audit", transport.PerCall)), `
── once a call ─────────────────────────────────
   key
   audit
── retry (3 retries) ───────────────────────────
── once an attempt ─────────────────────────────
   timeout        30s
   auth
   base
`},
		{"with two layers that repeat", sample().After("retry", layer("hedge", transport.Repeats)), `
── once a call ─────────────────────────────────
   key
── retry (3 retries) ───────────────────────────
── hedge ───────────────────────────────────────
── once an attempt ─────────────────────────────
   timeout        30s
   auth
   base
`},
		{"without", sample().Without("retry"), `
   key
   timeout        30s
   auth
   base
`},
		{"empty", transport.NewStack(), `
   base
`},
	} {
		if got := "\n" + tt.stack.String(); got != tt.want {
			t.Errorf("%s: got%s\nwant%s", tt.name, got, tt.want)
		}
	}
}

func TestAFaultyStackIsRefused(t *testing.T) {
	t.Parallel()
	perCall, perAttempt := layer("audit", transport.PerCall), layer("signing", transport.PerAttempt)
	badOption := transport.RefusedLayer("timeout", transport.PerAttempt, &errs.ClientError{Field: "RequestTimeout", Problem: "must be a positive duration"})
	for _, tt := range []struct {
		name  string
		stack transport.Stack
		want  string
	}{
		{"two retries", sample().PerAttempt(layer("company retry", transport.Retries)),
			`stack has two layers that retry, "retry" and "company retry": their attempts would multiply; take one out with Without`},
		{"a layer of a call inside retry", sample().After("retry", perCall),
			`stack layer "audit" acts once a call, but stands inside "retry", which repeats: move it outside with Before("retry", …)`},
		{"a layer of a call added per attempt", sample().PerAttempt(perCall),
			`stack layer "audit" acts once a call: add it with PerCall, not inside "retry"`},
		{"a layer of a call on the wire", sample().Wire(perCall),
			`stack layer "audit" acts once a call: add it with PerCall, not inside "retry"`},
		{"a layer of an attempt outside retry", sample().Before("key", perAttempt),
			`stack layer "signing" acts once an attempt, but stands outside "retry", which repeats: move it inside with After("retry", …)`},
		{"a layer of an attempt added per call", sample().PerCall(perAttempt),
			`stack layer "signing" acts once an attempt: add it with PerAttempt or Wire, not with PerCall`},
		{"a layer of a call inside a hedge", sample().Before("key", layer("hedge", transport.Repeats)),
			`stack layer "key" acts once a call, but stands inside "hedge", which repeats: move it outside with Before("hedge", …)`},
		{"a name twice", sample().PerCall(layer("key", transport.PerCall)),
			`stack has two layers "key": rename one, or take one out with Without`},
		{"an unknown anchor, misspelt", sample().Before("rerty", perCall),
			`stack has no layer "rerty": did you mean "retry"?`},
		{"an unknown anchor", sample().After("breaker", perCall),
			`stack has no layer "breaker": it has key, retry, timeout, auth`},
		{"an unknown layer to replace", sample().Replace("Auth", perAttempt),
			`stack has no layer "Auth": did you mean "auth"?`},
		{"an unknown layer to take out", transport.NewStack().Without("auth"),
			`stack has no layer "auth": it has none`},
		{"a zero layer", sample().PerCall(transport.Layer{}),
			`stack layer 2 ("") is nil: make it with NewLayer or NewLayerFunc`},
		{"a nil function", sample().PerCall(transport.NewLayerFunc("audit", transport.PerCall, nil)),
			`stack layer 2 ("audit") is nil: make it with NewLayer or NewLayerFunc`},
		{"a layer without a name", sample().PerCall(layer("", transport.PerCall)),
			`stack layer 2 has no name: give it one that no other layer has`},
		{"a layer with bad options", sample().Replace("timeout", badOption),
			`RequestTimeout must be a positive duration`},
		{"a layer that wraps to nil", sample().PerCall(transport.NewLayer("broken", transport.PerCall, func(http.RoundTripper) http.RoundTripper { return nil })),
			`stack layer "broken" wraps to nil: its wrap function must return a round tripper`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rt, err := tt.stack.RoundTripper(answering)
			if rt != nil || err == nil {
				t.Fatal("the stack was built")
			}
			if !errors.Is(err, errs.ErrClient) {
				t.Errorf("%v is no ClientError", err)
			}
			if got := err.Error(); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestAStackReportsAllItsFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := sample().
		Before("nowhere-near", layer("a", transport.Anywhere)).
		Wire(layer("audit", transport.PerCall)).
		PerCall(layer("auth", transport.Anywhere)).
		RoundTripper((*http.Transport)(nil))
	if err == nil {
		t.Fatal("the stack was built")
	}
	for _, part := range []string{`no layer "nowhere-near"`, `"audit" acts once a call`, `two layers "auth"`, `has no base`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error doesn't tell %s: %v", part, err)
		}
	}
}

// A stack is a value that many goroutines may build.
func TestAFaultyStackIsRefusedConcurrently(t *testing.T) {
	t.Parallel()
	s := sample().Without("a").Without("b").Without("c")
	var builds sync.WaitGroup
	for range 8 {
		builds.Go(func() {
			if _, err := s.RoundTripper(nil); err == nil || strings.Count(err.Error(), "stack has no") != 4 {
				t.Errorf("got %v", err)
			}
		})
	}
	builds.Wait()
}

func TestAScopeSaysHowOftenALayerActs(t *testing.T) {
	t.Parallel()
	for scope, want := range map[transport.Scope]string{
		transport.Anywhere: "anywhere", transport.PerCall: "once a call", transport.PerAttempt: "once an attempt",
		transport.Repeats: "repeats", transport.Retries: "retries",
	} {
		if got := scope.String(); got != want {
			t.Errorf("%d: %q, want %q", int(scope), got, want)
		}
	}
}

// opaque is a foreign round tripper that neither unwraps nor forwards.
type opaque struct{ next http.RoundTripper }

func (o opaque) RoundTrip(req *http.Request) (*http.Response, error) { return o.next.RoundTrip(req) }

// closingBase counts how often its idle connections are closed.
type closingBase struct {
	baseFunc
	closed int
}

func (b *closingBase) CloseIdleConnections() { b.closed++ }

func TestABuiltStackUnwrapsAndForwards(t *testing.T) {
	t.Parallel()
	base := &closingBase{baseFunc: answering}
	hides := transport.NewLayer("opaque", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper { return opaque{next} })
	rt, err := sample().PerCall(hides).RoundTripper(base)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: rt}
	client.CloseIdleConnections()
	if base.closed != 1 {
		t.Errorf("the base was asked %d times to close its idle connections", base.closed)
	}
	if found, ok := transport.As[*closingBase](rt); !ok || found != base {
		t.Error("the base isn't found")
	}
	if _, ok := transport.As[opaque](rt); !ok {
		t.Error("the layer isn't found")
	}
	if _, ok := transport.As[*http.Transport](rt); ok {
		t.Error("found what isn't there")
	}
	nested, err := transport.NewStack(hides).RoundTripper(rt)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := transport.As[*closingBase](nested); !ok {
		t.Error("the base isn't found through a stack on a stack")
	}
}

// What a layer of the inner stack refuses is no failure of the network.
func TestAStackOnAStackLeavesErrorsAsTheyAre(t *testing.T) {
	t.Parallel()
	refusal := errors.New("policy says no")
	refuses := transport.NewLayerFunc("policy", transport.Anywhere, func(req *http.Request, _ transport.Next) (*http.Response, error) {
		return nil, refusal
	})
	inner, err := transport.NewStack(refuses).RoundTripper(answering)
	if err != nil {
		t.Fatal(err)
	}
	outer, err := transport.NewStack().RoundTripper(inner)
	if err != nil {
		t.Fatal(err)
	}
	client, err := transport.NewClient("http://localhost", outer)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Do(t.Context(), transport.Request{Method: http.MethodPost, Path: "/x"})
	if !errors.Is(err, refusal) || errors.Is(err, errs.ErrNetwork) || errs.MaybeApplied(err) {
		t.Errorf("got %v", err)
	}
}

func TestAsLooksWithinEachPart(t *testing.T) {
	t.Parallel()
	double := transport.NewLayer("double", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper {
		return wrapped{&closingBase{baseFunc: next.RoundTrip}}
	})
	rt, err := sample().PerCall(double).RoundTripper(answering)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := transport.As[*closingBase](rt); !ok {
		t.Error("the part within a part isn't found")
	}
}

// wrapped unwraps in otelhttp's manner.
type wrapped struct{ http.RoundTripper }

func (w wrapped) WrappedRoundTripper() http.RoundTripper { return w.RoundTripper }

func TestAsKnowsWrappedRoundTripper(t *testing.T) {
	t.Parallel()
	if _, ok := transport.As[*http.Transport](wrapped{&http.Transport{}}); !ok {
		t.Error("the base isn't found")
	}
	if _, ok := transport.As[*http.Transport](nil); ok {
		t.Error("found in nothing")
	}
}

func TestARequestIsNeverChangedForItsOwner(t *testing.T) {
	t.Parallel()
	rt, err := sample().RoundTripper(answering)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if len(req.Header) != 0 {
		t.Errorf("the request's header became %v", req.Header)
	}
}

// A layer may be a whole stack of another team's.
func TestARetryInAStackThatIsALayerIsFound(t *testing.T) {
	t.Parallel()
	nested := transport.NewLayer("nested", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper {
		rt, err := transport.NewStack(layer("inner retry", transport.Retries)).RoundTripper(next)
		if err != nil {
			t.Error(err)
		}
		return rt
	})
	for _, stack := range []transport.Stack{sample().Wire(nested), transport.NewStack(nested, layer("retry", transport.Retries))} {
		if _, err := stack.RoundTripper(answering); !errors.Is(err, errs.ErrClient) || !strings.Contains(err.Error(), "multiply") {
			t.Errorf("got %v", err)
		}
	}
	if _, err := transport.NewStack(nested).RoundTripper(answering); err != nil {
		t.Error(err)
	}
}
