package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

const exampleURL = "https://api.example"

// exampleClient returns a client over stack, on a fake in memory.
func exampleClient(stack transport.Stack, faults ...prefactortest.Fault) *transport.Client {
	fake := prefactortest.New()
	fake.Inject(faults...)
	rt, err := stack.RoundTripper(fake.RoundTripper())
	if err != nil {
		panic(err)
	}
	client, err := transport.NewClient(exampleURL, rt)
	if err != nil {
		panic(err)
	}
	return client
}

func examplePing(client *transport.Client) (*transport.Result, error) {
	return client.Do(context.Background(), transport.Request{Method: http.MethodGet, Path: "/ping"})
}

func exampleStack() transport.Stack {
	return middleware.Default(middleware.NewConfig(exampleURL, prefactortest.Token))
}

// The shortest layer sets a header and hands the request on.
func ExampleNewLayerFunc() {
	mesh := transport.NewLayerFunc("mesh", transport.PerAttempt, func(req *http.Request, next transport.Next) (*http.Response, error) {
		req.Header.Set("X-Mesh", "blue")
		return next(req)
	})
	result, err := examplePing(exampleClient(exampleStack().PerAttempt(mesh)))
	fmt.Println(result.Status, err)
	// Output: 200 <nil>
}

// Metrics of attempts: a cancellation by the caller says nothing of the server,
// a timeout and a body that was cut do.
func ExampleOutcome() {
	metrics := transport.NewLayerFunc("metrics", transport.PerAttempt, func(req *http.Request, next transport.Next) (*http.Response, error) {
		resp, err := next(req)
		switch outcome := transport.Outcome(req, resp, err); errs.KindOf(outcome) {
		case errs.KindCanceled, errs.KindRejected, errs.KindClient:
		default:
			fmt.Println(transport.CallFrom(req.Context()).Operation(), errs.KindOf(outcome))
		}
		return resp, err
	})
	stack := exampleStack().PerAttempt(metrics).Replace("retry", middleware.Retry(quickRetries()))
	_, err := examplePing(exampleClient(stack, prefactortest.On("ping").Reply(503), prefactortest.On("ping").CutBody(3)))
	fmt.Println(err)
	// Output:
	// request server
	// request network
	// request ok
	// <nil>
}

func quickRetries() middleware.RetryPolicy {
	policy := middleware.DefaultRetryPolicy()
	policy.InitialRetryDelay = time.Microsecond
	return policy
}

// compressing is a round tripper of another library, which knows nothing of this
// package.
type compressing struct{ next http.RoundTripper }

func (c *compressing) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context()) // it belongs to the caller
	req.Header.Set("Accept-Encoding", "zstd")
	return c.next.RoundTrip(req)
}

// A round tripper of another library becomes a layer. As finds it, and the base
// behind it, although it has no Unwrap method.
func ExampleNewLayer() {
	layer := transport.NewLayer("compressing", transport.Anywhere, func(next http.RoundTripper) http.RoundTripper {
		return &compressing{next}
	})
	rt, err := exampleStack().Wire(layer).RoundTripper(&http.Transport{})
	if err != nil {
		panic(err)
	}
	_, found := transport.As[*compressing](rt)
	_, base := transport.As[*http.Transport](rt)
	fmt.Println(found, base)
	transport.CloseIdleConnections(rt)
	// Output: true true
}

// requestID is the key under which an application keeps its own id of a request.
type requestID struct{}

// keysFromContext returns a layer that makes idempotency keys of the application's
// request ids. A stack refuses to be built with a prefix that no key can have.
func keysFromContext(prefix string) transport.Layer {
	if err := transport.ValidateKey(prefix); err != nil {
		return transport.RefusedLayer("idempotency", transport.PerCall, err)
	}
	return transport.NewLayerFunc("idempotency", transport.PerCall, func(req *http.Request, next transport.Next) (*http.Response, error) {
		id, _ := req.Context().Value(requestID{}).(string)
		if err := transport.SetKey(req, func() string { return prefix + id }); err != nil {
			return nil, err // SetKey has closed the body
		}
		return next(req)
	})
}

func ExampleSetKey() {
	client := exampleClient(exampleStack().Replace("idempotency", keysFromContext("shop-")))
	var meta transport.Meta
	ctx := context.WithValue(context.Background(), requestID{}, "4711")
	_, err := client.Do(ctx, transport.Request{Method: http.MethodPost, Path: "/agent", Body: map[string]any{"details": map[string]any{"name": "n"}}}, transport.WithMeta(&meta))
	fmt.Println(meta.Key, err)
	// Output: shop-4711 <nil>
}

// A layer that asks another service before it sends does so without the call, and
// refuses what that service doesn't allow.
func ExampleWithoutCall() {
	quota := &http.Client{Transport: prefactortest.New().RoundTripper()}
	target, err := transport.ParseAPIURL("https://quota.example")
	if err != nil {
		panic(err)
	}
	gate := transport.NewLayerFunc("quota", transport.PerCall, func(req *http.Request, next transport.Next) (*http.Response, error) {
		ask, err := http.NewRequestWithContext(transport.WithoutCall(req.Context()), http.MethodGet, target.JoinPath("ping").String(), nil)
		if err != nil {
			return nil, err
		}
		resp, err := quota.Do(ask)
		if err == nil {
			_ = resp.Body.Close()
		}
		if err != nil || resp.StatusCode != http.StatusOK {
			if req.Body != nil {
				_ = req.Body.Close()
			}
			return nil, &errs.RejectedError{Layer: "quota", Cause: errors.New("the quota is used up")}
		}
		return next(req)
	})
	_, err = examplePing(exampleClient(exampleStack().PerCall(gate)))
	fmt.Println(errs.KindOf(err))
	// Output: rejected
}

// An envelope layer of a company's own bounds responses as far as it needs.
func ExampleReadLimit() {
	const bound = transport.MaxAnswer / 1024
	envelope := transport.NewLayerFunc("envelope", transport.PerAttempt, func(req *http.Request, next transport.Next) (*http.Response, error) {
		resp, err := next(req)
		if err != nil {
			return nil, err
		}
		answer := transport.ReadLimit(req, resp, bound)
		fmt.Println(len(answer.Document()) <= bound+1, errors.Is(answer.Err(), errs.ErrTooLarge))
		return resp, nil
	}).Inside("timeout", "classify")
	_, err := examplePing(exampleClient(exampleStack().Replace("envelope", envelope), prefactortest.On("ping").Oversized(1<<20)))
	fmt.Println(strings.Contains(err.Error(), "larger than 32768 bytes"))
	// Output:
	// true true
	// true
}

// A layer that needs what the response says reads it. Others can read it again.
func ExampleRead() {
	sizes := transport.NewLayerFunc("sizes", transport.PerCall, func(req *http.Request, next transport.Next) (*http.Response, error) {
		resp, err := next(req)
		if err != nil {
			return nil, err
		}
		answer := transport.Read(req, resp)
		fmt.Println(answer.Status(), string(answer.Document()))
		return resp, nil
	})
	_, err := examplePing(exampleClient(exampleStack().PerCall(sizes)))
	fmt.Println(err)
	// Output:
	// 200 {"status":"success","details":{"token_type":"api_session_account_scope"}}
	// <nil>
}
