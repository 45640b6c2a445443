package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestOutcomeIsOneWordForAnError(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	status := func(status int) error {
		return errs.FromResponse(status, nil, []byte(`{"status":"error","code":"c"}`))
	}
	tests := []struct {
		want string
		err  error
	}{
		{"ok", nil},
		{"auth", status(401)},
		{"auth", status(403)},
		{"not_found", status(404)},
		{"validation", status(422)},
		{"conflict", status(409)},
		{"rate_limited", status(429)},
		{"server", status(500)},
		{"server", status(418)},
		{"contract", errs.NewContractError(503, nil, "it is a page", nil, status(503))},
		{"network", &errs.NetworkError{Cause: io.EOF}},
		{"network", &errs.RetryExhaustedError{Last: &errs.NetworkError{Cause: io.EOF}}},
		{"rate_limited", &errs.Error{Err: &errs.RetryExhaustedError{Last: status(429)}}},
		{"canceled", errs.NewCanceledError(ended, status(503))},
		{"rejected", &errs.RejectedError{Layer: "breaker", Cause: status(503)}},
		{"client", &errs.ClientError{}},
		{"error", errors.New("foreign")},
	}
	for _, tt := range tests {
		if got := string(errs.KindOf(tt.err)); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestAnEventsKindHasWords(t *testing.T) {
	t.Parallel()
	for kind, want := range map[transport.EventKind]string{
		transport.AttemptEnded:   "attempt ended",
		transport.WaitBegan:      "wait began",
		transport.Refused:        "refused",
		transport.TokenRefreshed: "token refreshed",
		transport.CallEnded:      "call ended",
		0:                        "unknown event",
	} {
		if got := kind.String(); got != want {
			t.Errorf("%d: %q, want %q", int(kind), got, want)
		}
	}
}

func TestEveryListenerGetsWhatLayersReport(t *testing.T) {
	t.Parallel()
	var heard []string
	listen := func(name string) transport.Layer {
		return transport.NewLayerFunc(name, transport.PerCall, func(req *http.Request, next transport.Next) (*http.Response, error) {
			transport.CallFrom(req.Context()).Listen(func(e transport.Event) {
				heard = append(heard, fmt.Sprintf("%s: %s %s %d", name, e.Kind, e.Layer, e.Attempt.Number))
			})
			return next(req)
		})
	}
	telling := transport.NewLayerFunc("own retry", transport.Retries, func(req *http.Request, next transport.Next) (*http.Response, error) {
		call := transport.CallFrom(req.Context())
		call.Notify(transport.Event{Kind: transport.WaitBegan, Layer: "own retry"})
		resp, err := next(req)
		call.Record(errs.Attempt{Number: 7})
		return resp, err
	})
	client := clientOver(t, transport.NewStack(listen("outer"), listen("inner"), telling))
	if err := get(t, client); err != nil {
		t.Fatal(err)
	}
	want := []string{"outer: wait began own retry 0", "inner: wait began own retry 0", "outer: attempt ended  7", "inner: attempt ended  7"}
	if fmt.Sprint(heard) != fmt.Sprint(want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}

func TestEventsOfNoCallGoNowhere(t *testing.T) {
	t.Parallel()
	call := transport.CallFrom(t.Context())
	call.Listen(func(transport.Event) { t.Error("an event was reported") })
	call.Notify(transport.Event{Kind: transport.WaitBegan})
	if a := call.Record(errs.Attempt{Number: 1}); a.Number != 1 {
		t.Errorf("%+v, want the attempt as it was", a)
	}
}

func TestWithPutsLayersAroundAClient(t *testing.T) {
	t.Parallel()
	var order []string
	note := func(name string) transport.Layer {
		return transport.NewLayerFunc(name, transport.Anywhere, func(req *http.Request, next transport.Next) (*http.Response, error) {
			order = append(order, name)
			return next(req)
		})
	}
	client := clientOver(t, transport.NewStack(note("inner")))
	around, err := client.With(note("one"), note("two"))
	if err != nil {
		t.Fatal(err)
	}
	if err := get(t, around); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(order) != "[one two inner]" {
		t.Errorf("order %v, want one, two, inner", order)
	}
	order = nil
	if err := get(t, client); err != nil || fmt.Sprint(order) != "[inner]" {
		t.Errorf("order %v, %v; want the first client as it was", order, err)
	}
	if _, err := client.With(transport.NewLayerFunc("late", transport.PerAttempt, func(req *http.Request, next transport.Next) (*http.Response, error) {
		return next(req)
	})); !errors.Is(err, errs.ErrClient) {
		t.Errorf("%v, want a layer that acts once an attempt refused", err)
	}
}

func TestAStackOnAStackCountsEachSendOnce(t *testing.T) {
	t.Parallel()
	refusing := transport.NewLayerFunc("breaker", transport.Anywhere, func(*http.Request, transport.Next) (*http.Response, error) {
		return nil, &errs.RejectedError{Layer: "breaker", Cause: errors.New("open")}
	})
	around, err := clientOver(t, transport.NewStack(refusing)).With()
	if err != nil {
		t.Fatal(err)
	}
	failure, ok := errors.AsType[*errs.Error](get(t, around))
	if !ok || len(failure.Attempts) != 0 || failure.MaybeApplied {
		t.Errorf("%+v, want no attempt: nothing was sent", failure)
	}
}

// clientOver is a client over a stack, whose base answers every request.
func clientOver(t *testing.T, stack transport.Stack) *transport.Client {
	t.Helper()
	rt, err := stack.RoundTripper(baseFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	client, err := transport.NewClient("https://api.example", rt)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func get(t *testing.T, client *transport.Client) error {
	t.Helper()
	_, err := client.Do(t.Context(), transport.Request{Method: http.MethodGet, Path: "/ping"})
	return err
}

// What a call holds changes while it runs, and may be secret.
func TestAPrintOfACallShowsItsOperation(t *testing.T) {
	t.Parallel()
	var call *transport.Call
	var ctx context.Context
	spy := transport.NewLayerFunc("spy", transport.Anywhere, func(req *http.Request, next transport.Next) (*http.Response, error) {
		ctx = req.Context()
		call = transport.CallFrom(ctx)
		return next(req)
	})
	if err := get(t, clientOver(t, transport.NewStack(spy))); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		for _, v := range []any{call, ctx} {
			if text := fmt.Sprintf(verb, v); text != "call of request" {
				t.Errorf("%s of %T: %s", verb, v, text)
			}
		}
	}
	if text := fmt.Sprint(transport.CallFrom(t.Context())); text != "no call" {
		t.Errorf("nil: %s", text)
	}
}
