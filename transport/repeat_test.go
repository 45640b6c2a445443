package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// keyed returns a client of a fake with keys and without a retry.
func keyed(t *testing.T, fake *prefactortest.Fake, layers ...transport.Layer) *transport.Client {
	t.Helper()
	return on(t, fake.RoundTripper(), append(layers, middleware.Idempotency(""))...)
}

var (
	makeSpan = transport.NewDetailsOp[map[string]any]("agent_spans.create", http.MethodPost, "/agent_spans")
	ask      = transport.NewOp[struct{}]("ping", http.MethodGet, "/ping")
)

func TestARepeatSendsTheSameBytesAndKey(t *testing.T) {
	t.Parallel()
	fake := prefactortest.New()
	fake.Inject(prefactortest.On("*").Always().CloseAfter())
	client := keyed(t, fake)
	n := 0
	input := func() transport.Input {
		n++
		return transport.Input{Body: map[string]int{"n": n}}
	}
	_, err := makeSpan.Do(t.Context(), client, input())
	for range 3 {
		_, err = makeSpan.Do(t.Context(), client, input(), transport.RepeatOf(fmt.Errorf("recording: %w", err)))
	}
	journal := fake.Journal()
	if len(journal) != 4 || !errs.MaybeApplied(err) {
		t.Fatalf("%d requests, %v", len(journal), err)
	}
	for _, x := range journal {
		if string(x.Body) != string(journal[0].Body) || x.Header.Get(transport.KeyHeader) != journal[0].Header.Get(transport.KeyHeader) || !strings.Contains(string(x.Body), `"n":1,`) {
			t.Errorf("sent %s with key %s", x.Body, x.Header.Get(transport.KeyHeader))
		}
	}
}

func TestWhatWasNotSentYetCanBeRepeated(t *testing.T) {
	t.Parallel()
	fake := prefactortest.New()
	client := keyed(t, fake)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := makeSpan.Do(ended, client, transport.Input{Body: map[string]int{"n": 1}})
	if !errors.Is(err, errs.ErrCanceled) {
		t.Fatal(err)
	}
	_, _ = makeSpan.Do(t.Context(), client, transport.Input{}, transport.RepeatOf(err))
	if journal := fake.Journal(); len(journal) != 1 || !strings.Contains(string(journal[0].Body), `"n":1`) {
		t.Errorf("sent %v", journal)
	}
}

func TestWhatCannotBeRepeatedIsRefused(t *testing.T) {
	t.Parallel()
	fake := prefactortest.New()
	fake.Inject(prefactortest.On("*").Always().CloseAfter())
	client := keyed(t, fake)
	bareClient := on(t, fake.RoundTripper())
	do := func(client *transport.Client, in transport.Input, options ...transport.Option) error {
		_, err := makeSpan.Do(t.Context(), client, in, options...)
		return err
	}
	_, other := ask.Do(t.Context(), client, transport.Input{})
	failed := do(client, transport.Input{Body: map[string]int{"n": 1}})
	for _, tt := range []struct {
		name    string
		options []transport.Option
		want    string
	}{
		{"no error", []transport.Option{transport.RepeatOf(nil)}, "needs the error of a call"},
		{"an error of another kind", []transport.Option{transport.RepeatOf(io.EOF)}, "needs the error of a call"},
		{"another operation", []transport.Option{transport.RepeatOf(other)}, "repeat that operation"},
		{"wrong input", []transport.Option{transport.RepeatOf(do(client, transport.Input{Body: "text"}))}, "correct its input"},
		{"no key", []transport.Option{transport.RepeatOf(do(bareClient, transport.Input{Body: map[string]int{"n": 1}}))}, "without an idempotency key"},
		{"another key", []transport.Option{transport.RepeatOf(failed), transport.WithIdempotencyKey("other-key")}, "leave WithIdempotencyKey out"},
	} {
		sent := len(fake.Journal())
		err := do(client, transport.Input{Body: map[string]int{"n": 2}}, tt.options...)
		input, ok := errors.AsType[*errs.ClientError](err)
		if !ok || input.Field != "RepeatOf" || !strings.Contains(err.Error(), tt.want) || len(fake.Journal()) != sent {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// A call that can't be sent is a call that failed, to those who watch.
func TestACallThatCannotBeSentReachesTheLayersThatActOnceACall(t *testing.T) {
	t.Parallel()
	fake := prefactortest.New()
	var seen []error
	watch := func(name string, scope transport.Scope) transport.Layer {
		return transport.NewLayerFunc(name, scope, func(req *http.Request, next transport.Next) (*http.Response, error) {
			resp, err := next(req)
			seen = append(seen, fmt.Errorf("%s: %w", name, transport.Outcome(req, resp, err)))
			return resp, err
		})
	}
	forbidden := transport.NewLayerFunc("forbidden", transport.Retries, func(req *http.Request, next transport.Next) (*http.Response, error) {
		t.Error("the call reached the layers that repeat")
		return next(req)
	})
	stacks := map[string]transport.Stack{
		"layers that repeat": transport.NewStack(watch("audit", transport.PerCall), watch("any", transport.Anywhere), forbidden),
		"no other layers":    transport.NewStack(watch("audit", transport.PerCall), watch("any", transport.Anywhere)),
		"a layer an attempt": transport.NewStack(watch("audit", transport.PerCall), watch("any", transport.Anywhere),
			transport.NewLayerFunc("inner", transport.PerAttempt, func(req *http.Request, next transport.Next) (*http.Response, error) {
				t.Error("the call reached the layers that act on attempts")
				return next(req)
			})),
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, stack := range stacks {
		rt, err := stack.RoundTripper(fake.RoundTripper())
		if err != nil {
			t.Fatal(err)
		}
		client := on(t, rt, watch("outer", transport.PerCall))
		for problem, call := range map[string]func() error{
			"a payload that can't be encoded": func() error {
				_, err := makeSpan.Do(t.Context(), client, transport.Input{Body: map[string]any{"f": func() {}}})
				return err
			},
			"a bad key": func() error {
				_, err := makeSpan.Do(t.Context(), client, transport.Input{}, transport.WithIdempotencyKey(""))
				return err
			},
			"a bad path": func() error {
				_, err := ask.Do(t.Context(), client, transport.Input{Values: []string{"x"}})
				return err
			},
			"a context that has ended": func() error {
				_, err := ask.Do(ended, client, transport.Input{Query: url.Values{}})
				return err
			},
		} {
			seen = nil
			err := call()
			if len(seen) != 3 {
				t.Errorf("%s, %s: seen by %q", name, problem, seen)
			}
			for _, one := range seen {
				if errs.KindOf(one) != errs.KindOf(err) || errs.KindOf(one) != errs.KindClient && errs.KindOf(one) != errs.KindCanceled {
					t.Errorf("%s, %s: seen as %v, and the call gave %v", name, problem, one, err)
				}
			}
		}
	}
	if len(fake.Journal()) > 0 {
		t.Errorf("sent %v", fake.Journal())
	}
}

// A layer that answers by itself doesn't make a success of a call that can't be sent.
func TestACallThatCannotBeSentIsNeverASuccess(t *testing.T) {
	t.Parallel()
	cache := transport.NewLayerFunc("cache", transport.PerCall, func(req *http.Request, _ transport.Next) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"status":"success"}`))}, nil
	})
	client := keyed(t, prefactortest.New(), cache)
	if _, err := ask.Do(t.Context(), client, transport.Input{Values: []string{"x"}}); errs.KindOf(err) != errs.KindClient {
		t.Errorf("got %v", err)
	}
	if _, err := ask.Do(t.Context(), client, transport.Input{}); err != nil {
		t.Error(err)
	}
}
