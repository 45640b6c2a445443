package middleware_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// tokens is a source that returns the tokens of a list, one for each fetch, and
// then the last one again.
type tokens struct {
	fetches atomic.Int32
	list    []string
}

func fetching(list ...string) *tokens { return &tokens{list: list} }

func (s *tokens) fetch(context.Context) (transport.Secret, error) {
	n := int(s.fetches.Add(1))
	return transport.NewSecret(s.list[min(n, len(s.list))-1]), nil
}

// refreshing is a source that returns the tokens of a list, the first of which
// was fetched some time ago. It must be made in a bubble.
func refreshing(list ...string) (source middleware.TokenSource, fetches *atomic.Int32) {
	all := fetching(list...)
	source = middleware.RefreshingToken(all.fetch)
	_, _ = source.Token(context.Background())
	time.Sleep(time.Minute)
	return source, &all.fetches
}

// withSource returns the edit that takes the token from source.
func (s *site) withSource(source middleware.TokenSource) func(transport.Stack) transport.Stack {
	return func(stack transport.Stack) transport.Stack {
		return stack.Replace("auth", middleware.Auth(s.cfg.APIURL, source))
	}
}

func TestAuthSendsTheTokenToItsOriginOnly(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		url    string
		spoof  func(*http.Request)
		origin string
		want   bool
	}{
		"the origin":                     {url: "https://api.example/x", want: true},
		"in upper case":                  {url: "https://API.example/x", want: true},
		"with its default port":          {url: "https://api.example:443/x", want: true},
		"another port":                   {url: "https://api.example:8443/x"},
		"another scheme":                 {url: "http://api.example/x"},
		"another host":                   {url: "https://evil.example/x"},
		"a host that begins alike":       {url: "https://api.example.evil.example/x"},
		"a host as the userinfo":         {url: "https://api.example@evil.example/x"},
		"an opaque URL":                  {url: "https://api.example/x", spoof: func(r *http.Request) { r.URL.Opaque = "//evil.example/x" }},
		"another Host":                   {url: "https://api.example/x", spoof: func(r *http.Request) { r.Host = "evil.example" }},
		"http to loopback":               {url: "http://127.0.0.1:8080/x", origin: "http://127.0.0.1:8080", want: true},
		"another port on loopback":       {url: "http://127.0.0.1:8081/x", origin: "http://127.0.0.1:8080"},
		"loopback under another address": {url: "http://localhost:8080/x", origin: "http://127.0.0.1:8080"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.origin == "" {
				tt.origin = "https://api.example"
			}
			sent := ""
			rt := build(t, transport.NewStack(middleware.Auth(tt.origin, transport.NewSecret("canary"))), baseFunc(
				func(req *http.Request) (*http.Response, error) {
					sent = req.Header.Get("Authorization")
					return succeeding(req)
				}))
			req := requestTo(t, http.MethodGet, tt.url)
			if tt.spoof != nil {
				tt.spoof(req)
			}
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if got := sent == "Bearer canary"; got != tt.want || !got && sent != "" {
				t.Errorf("Authorization = %q, want the token: %v", sent, tt.want)
			}
		})
	}
}

func TestAuthWithholdsTheTokenFromAHostThatALayerOutsideSets(t *testing.T) {
	t.Parallel()
	reroute := transport.NewLayerFunc("mesh", transport.PerAttempt, func(req *http.Request, next transport.Next) (*http.Response, error) {
		req.URL.Host, req.Host = "sidecar.example", "sidecar.example"
		return next(req)
	})
	for name, place := range map[string]struct {
		edit func(transport.Stack) transport.Stack
		want string
	}{
		"outside of auth": {func(s transport.Stack) transport.Stack { return s.Before("auth", reroute) }, ""},
		"inside of auth":  {func(s transport.Stack) transport.Stack { return s.Wire(reroute) }, "Bearer " + prefactortest.Token},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := "nothing"
			client := newClient(t, place.edit(middleware.Default(middleware.NewConfig("https://api.example", prefactortest.Token))), "https://api.example", baseFunc(
				func(req *http.Request) (*http.Response, error) {
					sent = req.Header.Get("Authorization")
					return succeeding(req)
				}))
			if err := read(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			if sent != place.want {
				t.Errorf("Authorization = %q, want %q", sent, place.want)
			}
		})
	}
}

func TestAuthDecidesForEachHopOfARedirect(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Value
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		elsewhere.Store(r.Header.Get("Authorization"))
	}))
	defer target.Close()
	var origin atomic.Value
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin.Store(r.Header.Get("Authorization"))
		http.Redirect(w, r, target.URL, http.StatusTemporaryRedirect)
	}))
	defer api.Close()

	source := fetching("canary")
	rt := build(t, transport.NewStack(middleware.Auth(api.URL, middleware.RefreshingToken(source.fetch))), new(http.Transport))
	defer transport.CloseIdleConnections(rt)
	resp, err := (&http.Client{Transport: rt}).Get(api.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if origin.Load() != "Bearer canary" || elsewhere.Load() != "" {
		t.Errorf("the origin got %q, the host that it redirects to %q; want the token and nothing", origin.Load(), elsewhere.Load())
	}
}

func TestAuthReplaysARefusedRequestOnceWithAFreshToken(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		source, fetches := refreshing("expired", prefactortest.Token)
		client := s.retrying(s.withSource(source))
		for range 2 { // the second call has the fresh token already
			if err := write(t.Context(), client); err != nil {
				t.Fatal(err)
			}
		}
		s.fake.AssertJournal(t, `
			agents.create 401
			agents.create 200, attempt 2
			agents.create 200
		`)
		journal := s.fake.Journal()
		if journal[0].Key == "" || journal[0].Key != journal[1].Key || journal[0].BodyKey != journal[1].BodyKey {
			t.Errorf("keys %q and %q, want the same one", journal[0].Key, journal[1].Key)
		}
		if n := fetches.Load(); n != 2 {
			t.Errorf("%d fetches, want 2", n)
		}
		if n := s.fake.Connections(); n != 1 {
			t.Errorf("%d connections, want 1: the 401 is read to its end", n)
		}
	})
}

func TestARefreshIsPartOfOneAttempt(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.On("agents.create").Nth(2).Reply(http.StatusConflict))
		source, _ := refreshing("expired", prefactortest.Token)
		client := s.retrying(func(stack transport.Stack) transport.Stack {
			return s.withSource(source)(stack).PerCall(middleware.Observe("metrics", new(events)))
		})
		failure, _ := errors.AsType[*errs.Error](write(t.Context(), client))
		if failure == nil || len(failure.Attempts) != 1 || failure.Attempts[0].Sends != 2 || !failure.Attempts[0].Reused {
			t.Fatalf("%+v, want one attempt that was sent twice", failure)
		}
	})
}

func TestAReplayIsTheRequestThatReachedAuth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source, _ := refreshing("expired", "fresh")
		var came []string
		changing := transport.NewLayerFunc("mesh", transport.PerAttempt, func(req *http.Request, next transport.Next) (*http.Response, error) {
			came = append(came, req.URL.Host+" "+req.Header.Get("Authorization")+" "+req.Header.Get("X-Hops"))
			req.URL.Host = "sidecar.example"
			req.Header.Set("X-Hops", "1")
			return next(req)
		})
		rt := build(t, transport.NewStack(middleware.Auth("https://api.example", source), changing), baseFunc(func(req *http.Request) (*http.Response, error) {
			resp, err := succeeding(req)
			resp.Request = req
			if req.Header.Get("Authorization") != "Bearer fresh" {
				resp.StatusCode = http.StatusUnauthorized
			}
			return resp, err
		}))
		resp, err := rt.RoundTrip(requestTo(t, http.MethodGet, "https://api.example/x"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if want := []string{"api.example Bearer expired ", "api.example Bearer fresh "}; !slices.Equal(came, want) {
			t.Errorf("the requests inside were %q, want %q", came, want)
		}
		if token := resp.Request.Header.Get("Authorization"); token != "" {
			t.Errorf("a layer outside finds %q in the response's request", token)
		}
	})
}

func TestAuthReturnsThe401IfThereIsNoOtherToken(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		source func() middleware.TokenSource
		want   string
	}{
		"a static token": {func() middleware.TokenSource { return transport.NewSecret("expired") }, "agents.create 401"},
		"a function":     {func() middleware.TokenSource { return middleware.TokenFunc(fetching("expired", "other").fetch) }, "agents.create 401"},
		"a token that was fetched just now": {func() middleware.TokenSource {
			return middleware.RefreshingToken(fetching("expired", "other").fetch)
		}, "agents.create 401"},
		"a refresh that gives the same": {func() middleware.TokenSource {
			source, _ := refreshing("expired", "expired")
			return source
		}, "agents.create 401"},
		"a fresh token that is refused, too": {func() middleware.TokenSource {
			source, _ := refreshing("expired", "bad", "worse")
			return source
		}, "agents.create 401\nagents.create 401, attempt 2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				client := s.retrying(s.withSource(tt.source()))
				err := write(t.Context(), client)
				refusal, ok := errors.AsType[*errs.AuthError](err)
				if !ok || refusal.Status != http.StatusUnauthorized || refusal.Cause != nil {
					t.Errorf("%v, want the server's own refusal", err)
				}
				s.fake.AssertJournal(t, tt.want)
			})
		})
	}
}

func TestAuthDoesNotReplayABodyWithoutGetBody(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		source, _ := refreshing("expired", prefactortest.Token)
		rt := build(t, s.withSource(source)(middleware.Default(s.cfg)), s.base)
		req := requestTo(t, http.MethodPost, s.cfg.APIURL+"/api/v1/agent")
		req.Body = io.NopCloser(strings.NewReader(`{}`))
		resp, err := (&http.Client{Transport: rt}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized || len(body) == 0 || err != nil {
			t.Errorf("%d %q %v, want the 401, readable", resp.StatusCode, body, err)
		}
		if n := len(s.fake.Journal()); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}

func TestAFailedRefreshIsAnAuthErrorAndNotRetried(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		down := errors.New("the token server is down")
		var fetches atomic.Int32
		source := middleware.RefreshingToken(func(context.Context) (transport.Secret, error) {
			if fetches.Add(1) == 1 {
				return transport.NewSecret("expired"), nil
			}
			return transport.Secret{}, down
		})
		client := s.retrying(s.withSource(source))
		if err := read(t.Context(), client); !errors.Is(err, errs.ErrAuth) || errors.Is(err, down) {
			t.Errorf("%v, want the refusal of a token that was fetched just now", err)
		}
		time.Sleep(time.Minute)
		for range 3 { // a storm: the failure is remembered
			err := read(t.Context(), client)
			refusal, ok := errors.AsType[*errs.AuthError](err)
			if !ok || refusal.Status != http.StatusUnauthorized || !errors.Is(err, down) {
				t.Errorf("%v, want an AuthError of the 401 with the cause", err)
			}
		}
		if n := fetches.Load(); n != 2 {
			t.Errorf("%d fetches, want 2", n)
		}
		if n := len(s.fake.Journal()); n != 4 {
			t.Errorf("%d requests, want 4: no failed refresh is retried", n)
		}
		time.Sleep(5 * time.Second)
		_ = read(t.Context(), client)
		if n := fetches.Load(); n != 3 {
			t.Errorf("%d fetches after the pause, want 3", n)
		}
	})
}

func TestASourceThatFailsSendsNothingAndClosesTheBody(t *testing.T) {
	t.Parallel()
	source := middleware.TokenFunc(func(context.Context) (transport.Secret, error) { return transport.Secret{}, io.ErrNoProgress })
	rt := build(t, transport.NewStack(middleware.Auth("https://api.example", source)), baseFunc(func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, io.EOF
	}))
	body := &tracked{Reader: strings.NewReader("{}")}
	req := requestTo(t, http.MethodPost, "https://api.example/x")
	req.Body = body
	_, err := rt.RoundTrip(req)
	if refusal, ok := errors.AsType[*errs.AuthError](err); !ok || refusal.Cause != io.ErrNoProgress || !body.closed.Load() {
		t.Errorf("%v, body closed: %v; want an AuthError with the cause, and the body closed", err, body.closed.Load())
	}
}

func TestManyCallsThatHoldTheSameStaleTokenShareOneRefresh(t *testing.T) {
	t.Parallel()
	const callers = 64
	onSite(t, func(t *testing.T, s *site) {
		var fetches atomic.Int32
		source := middleware.RefreshingToken(func(ctx context.Context) (transport.Secret, error) {
			if fetches.Add(1) == 1 {
				return transport.NewSecret("expired"), nil
			}
			select { // a slow token server
			case <-time.After(3 * time.Second):
				return transport.NewSecret(prefactortest.Token), nil
			case <-ctx.Done():
				return transport.Secret{}, ctx.Err()
			}
		})
		client := s.retrying(s.withSource(source))
		if _, err := source.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)

		impatient, giveUp := context.WithCancelCause(t.Context())
		bored := errors.New("bored")
		results := make(chan error, callers)
		for i := range callers {
			ctx := t.Context()
			if i%2 == 0 {
				ctx = impatient
			}
			go func() { results <- write(ctx, client) }()
		}
		synctest.Wait() // all of them wait for the one refresh
		began := time.Now()
		giveUp(bored)
		synctest.Wait()
		for range callers / 2 {
			if err := <-results; !errors.Is(err, errs.ErrCanceled) || !errors.Is(err, bored) {
				t.Errorf("%v, want the caller's own cancellation", err)
			}
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("a caller that gave up waited %s more", waited)
		}
		for range callers / 2 {
			if err := <-results; err != nil {
				t.Errorf("%v: the callers that gave up must not matter to the others", err)
			}
		}
		if n := fetches.Load(); n != 2 {
			t.Errorf("%d fetches, want 2: the first token, and one refresh", n)
		}
		if n := accepted(s.fake); n != callers/2 {
			t.Errorf("%d agents, want %d", n, callers/2)
		}
	})
}

func TestAuthRefusesInvalidSettings(t *testing.T) {
	t.Parallel()
	token := transport.NewSecret("canary")
	tests := map[string]struct {
		layer transport.Layer
		want  string
	}{
		"plain http":        {middleware.Auth("http://api.example", token), "is plain http to api.example"},
		"no source":         {middleware.Auth("https://api.example", nil), "token source is nil"},
		"no fetch function": {middleware.Auth("https://api.example", middleware.RefreshingToken(nil)), "token source is nil"},
		"no token function": {middleware.Auth("https://api.example", middleware.TokenFunc(nil)), "token source is nil"},
		"an empty token":    {middleware.Auth("https://api.example", transport.Secret{}), "APIToken is required"},
		"a token with a line break": {middleware.Auth("https://api.example", transport.NewSecret("canary\n")),
			"APIToken holds white space"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := transport.NewStack(tt.layer).RoundTripper(http.DefaultTransport)
			if !errors.Is(err, errs.ErrClient) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v, want a ClientError with %q", err, tt.want)
			}
		})
	}
}

func TestAuthAllocatesAsItsCommentSays(t *testing.T) {
	without := func(s transport.Stack) transport.Stack { return s.Without("auth") }
	renewable := func(s transport.Stack) transport.Stack {
		return s.Replace("auth", middleware.Auth("https://prefactor.test", middleware.RefreshingToken(fetching("token").fetch)))
	}
	static := -layerAllocations(t, without)
	if static > 7 {
		t.Errorf("a static token costs %v allocations, want 7 at most", static)
	}
	if more := layerAllocations(t, renewable); more > 2 {
		t.Errorf("a token that can be refreshed costs %v allocations more, want 2 at most", more)
	}
}

// accepted counts the requests that got a 200 from the fake.
func accepted(fake *prefactortest.Fake) (n int) {
	for _, x := range fake.Journal() {
		if x.Status == http.StatusOK {
			n++
		}
	}
	return n
}
