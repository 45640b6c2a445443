package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// closer is a base, or a foreign round tripper, that counts how often it is asked
// to close its idle connections.
type closer struct {
	baseFunc
	closed *int
}

func (c closer) CloseIdleConnections() { *c.closed++ }

// unwrapper is a foreign round tripper that unwraps.
type unwrapper struct{ opaque }

func (u unwrapper) Unwrap() http.RoundTripper { return u.next }

// closingLayer is a foreign round tripper that closes by itself what it is asked to.
type closingLayer struct {
	opaque
	closed *int
}

func (c closingLayer) CloseIdleConnections() { *c.closed++ }

func TestAForeignLayerGetsWhatItLacks(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		wrap func(next http.RoundTripper, closed *int) http.RoundTripper
		base int // how often the base is asked to close, and the layer
		own  int
	}{
		"lacks both":       {func(next http.RoundTripper, _ *int) http.RoundTripper { return opaque{next} }, 1, 0},
		"unwraps":          {func(next http.RoundTripper, _ *int) http.RoundTripper { return unwrapper{opaque{next}} }, 1, 0},
		"closes by itself": {func(next http.RoundTripper, n *int) http.RoundTripper { return closingLayer{opaque{next}, n} }, 0, 1},
		"is what it wraps": {func(next http.RoundTripper, _ *int) http.RoundTripper { return next }, 1, 0},
		"wraps another":    {func(next http.RoundTripper, _ *int) http.RoundTripper { return opaque{opaque{next}} }, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var atBase, atLayer int
			base := closer{naming, &atBase}
			layer := transport.NewLayer("foreign", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper { return tt.wrap(next, &atLayer) })
			rt, err := transport.NewStack(layer).RoundTripper(base)
			if err != nil {
				t.Fatal(err)
			}
			outermost := rt.(interface{ Unwrap() http.RoundTripper }).Unwrap()
			transport.CloseIdleConnections(outermost)
			if atBase != tt.base || atLayer != tt.own {
				t.Errorf("the base was asked %d times, the layer %d times", atBase, atLayer)
			}
			if _, ok := transport.As[closer](outermost); !ok {
				t.Error("As doesn't find the base")
			}
		})
	}
}

func TestALayerStandsInsideThoseThatItNames(t *testing.T) {
	t.Parallel()
	inner := layer("inner", transport.PerAttempt).Inside("outer", "not in the stack")
	if _, err := transport.NewStack(layer("outer", transport.PerAttempt), inner).RoundTripper(answering); err != nil {
		t.Error(err)
	}
	if _, err := transport.NewStack(inner.Inside("one more"), layer("outer", transport.PerAttempt)).RoundTripper(answering); err == nil {
		t.Error("a second Inside takes the first back")
	}
	_, err := transport.NewStack(inner, layer("outer", transport.PerAttempt)).RoundTripper(answering)
	if !errors.Is(err, errs.ErrClient) || !strings.Contains(err.Error(), `"inner" stands outside "outer"`) {
		t.Errorf("got %v", err)
	}
}

// A foreign layer that lets the request go on by RoundTrip never sees it changed by
// the layers inside.
func TestLayersInsideChangeNothingOfAForeignLayersRequest(t *testing.T) {
	t.Parallel()
	var before, after string
	foreign := transport.NewLayer("foreign", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper {
		return baseFunc(func(req *http.Request) (*http.Response, error) {
			before = req.Header.Get("X-Path")
			resp, err := next.RoundTrip(req)
			after = req.Header.Get("X-Path")
			return resp, err
		})
	})
	client := on(t, naming, layer("a", transport.Anywhere), foreign, layer("b", transport.Anywhere))
	if _, err := makeThing.Do(t.Context(), client, transport.Input{}); err != nil {
		t.Fatal(err)
	}
	if before != "a" || after != "a" {
		t.Errorf("its request had %q, and then %q", before, after)
	}
}

func TestListenersGetTheAnswersOfSuccesses(t *testing.T) {
	t.Parallel()
	answers := make(chan string, 10)
	replies := []string{`{"details":{"name":"a"}}`, `{"status":"error","code":"down"}`, `{"details":{"name":"b"}}`}
	var sent atomic.Int32
	client := on(t, baseFunc(func(*http.Request) (*http.Response, error) { return document(replies[sent.Add(1)-1]), nil }))
	for _, name := range []string{"one ", "two "} {
		client.OnAnswer(func(ctx context.Context, a *transport.Answer) {
			if _, ok := a.Model().(*thing); !ok {
				t.Errorf("the model is a %T", a.Model())
			}
			answers <- name + string(a.Document())
		})
	}
	for range replies {
		_, _ = makeThing.Do(t.Context(), client, transport.Input{})
	}
	close(answers)
	var got []string
	for a := range answers {
		got = append(got, a)
	}
	want := "one " + replies[0] + ", two " + replies[0] + ", one " + replies[2] + ", two " + replies[2]
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

// What is sent on the side has the caller's own trace, and not the call's.
func TestWithoutCallRestoresTheCallersTrace(t *testing.T) {
	t.Parallel()
	type key struct{}
	own := &httptrace.ClientTrace{GotFirstResponseByte: func() {}}
	for name, ctx := range map[string]context.Context{
		"without": context.WithValue(t.Context(), key{}, "kept"),
		"with":    httptrace.WithClientTrace(context.WithValue(t.Context(), key{}, "kept"), own),
	} {
		want := httptrace.ContextClientTrace(ctx)
		side := transport.NewLayerFunc("side", transport.Anywhere, func(req *http.Request, next transport.Next) (*http.Response, error) {
			if inside := httptrace.ContextClientTrace(req.Context()); inside == nil || inside == want {
				t.Errorf("%s a trace: the call has none of its own", name)
			}
			ctx, cancel := context.WithTimeout(req.Context(), time.Hour)
			defer cancel()
			ctx = transport.WithoutCall(ctx)
			if got := httptrace.ContextClientTrace(ctx); got != want {
				t.Errorf("%s a trace: got %v on the side", name, got)
			}
			if _, limited := ctx.Deadline(); transport.CallFrom(ctx) != nil || ctx.Value(key{}) != "kept" || !limited {
				t.Errorf("%s a trace: the context on the side isn't the same without the call", name)
			}
			return next(req)
		})
		if _, err := makeThing.Do(ctx, on(t, naming, side), transport.Input{}); err != nil {
			t.Fatal(err)
		}
	}
	if ctx := t.Context(); transport.WithoutCall(ctx) != ctx {
		t.Error("a context without a call became another")
	}
}

// A foreign layer may have connections of its own, and not know of the base.
func TestAStackClosesTheConnectionsOfItsLayersToo(t *testing.T) {
	t.Parallel()
	var atBase, atLayer int
	layer := transport.NewLayer("foreign", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper {
		return closingLayer{opaque{next}, &atLayer}
	})
	client := on(t, closer{naming, &atBase}, layer)
	client.CloseIdleConnections()
	if atBase != 1 || atLayer != 1 {
		t.Errorf("the base was asked %d times, the layer %d times", atBase, atLayer)
	}
}

func TestALayerOnAStackFindsItsBase(t *testing.T) {
	t.Parallel()
	one, other := new(http.Transport), new(http.Transport)
	layer := transport.NewLayerOn("pooled", transport.Anywhere, func(inner http.RoundTripper) transport.LayerFunc {
		base, _ := transport.As[*http.Transport](inner)
		return func(req *http.Request, _ transport.Next) (*http.Response, error) {
			if base != one && base != other {
				t.Errorf("the base is %v", base)
			}
			return &http.Response{StatusCode: 200, Header: http.Header{"Base": {fmt.Sprintf("%p", base)}}, Body: http.NoBody}, nil
		}
	})
	for _, base := range []*http.Transport{one, other} {
		rt, err := transport.NewStack(layer).RoundTripper(base)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := rt.RoundTrip(httptest.NewRequest(http.MethodGet, "https://api.example", nil))
		if err != nil || resp.Header.Get("Base") != fmt.Sprintf("%p", base) {
			t.Errorf("%v, %v; want the layer on %p", resp, err, base)
		}
	}
	for _, layer := range []transport.Layer{
		transport.NewLayerOn("nil", transport.Anywhere, nil),
		transport.NewLayerOn("without work", transport.Anywhere, func(http.RoundTripper) transport.LayerFunc { return nil }),
	} {
		if _, err := transport.NewStack(layer).RoundTripper(one); !errors.Is(err, errs.ErrClient) {
			t.Errorf("layer %q: %v, want a ClientError", layer.Name(), err)
		}
	}
}
