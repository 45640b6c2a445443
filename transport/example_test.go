package transport_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// A company's own retry takes the place of this module's. It repeats through
// GetBody, closes what it doesn't return, records its attempts, and marks the
// last response, so that the error says that it gave up.
func ExampleScope_retries() {
	const most = 3
	retry := transport.NewLayerFunc("retry", transport.Retries, func(req *http.Request, next transport.Next) (*http.Response, error) {
		for number := 1; ; number++ {
			attempt := req.Clone(req.Context())
			if req.GetBody != nil {
				attempt.Body, _ = req.GetBody()
			}
			began := time.Now()
			resp, err := next(attempt)
			failure, status := transport.Outcome(req, resp, err), 0
			if err == nil {
				status = resp.StatusCode
			}
			transport.CallFrom(req.Context()).Record(errs.Attempt{Number: number, Status: status, Err: failure, Duration: time.Since(began)})
			if !errs.Retryable(failure) || !transport.CanRepeat(req) {
				return resp, err
			}
			if number == most {
				if err != nil {
					return nil, &errs.RetryExhaustedError{Reason: errs.ReasonAttempts, Last: failure}
				}
				transport.Conclude(resp, errs.ReasonAttempts)
				return resp, nil
			}
			if err == nil {
				_ = resp.Body.Close()
			}
		}
	})

	fake := prefactortest.New()
	fake.Inject(prefactortest.On("ping").Times(2).Reply(503))
	stack := middleware.Default(middleware.NewConfig("https://api.example", prefactortest.Token)).Replace("retry", retry)
	rt, err := stack.RoundTripper(fake.RoundTripper())
	if err != nil {
		panic(err)
	}
	client, err := transport.NewClient("https://api.example", rt)
	if err != nil {
		panic(err)
	}
	result, err := client.Do(context.Background(), transport.Request{Method: http.MethodGet, Path: "/ping"})
	fmt.Println(result.Status, err, len(fake.Journal()))
	// Output: 200 <nil> 3
}

// A stack prints itself, and says what is wrong with it.
func ExampleStack_RoundTripper() {
	audit := transport.NewLayerFunc("audit", transport.PerCall, func(req *http.Request, next transport.Next) (*http.Response, error) {
		return next(req)
	})
	stack := middleware.Default(middleware.NewConfig("https://api.example", "pf_token"))
	fmt.Print(stack.PerCall(audit))

	_, err := stack.After("rety", audit).Wire(audit).RoundTripper(http.DefaultTransport)
	fmt.Println(err)
	// Output:
	// ── once a call ─────────────────────────────────
	//    identify       prefactor-go@0.1.0
	//    idempotency
	//    audit
	// ── retry (3 retries, 1s to 1m0s) ───────────────
	// ── once an attempt ─────────────────────────────
	//    timeout        30s
	//    classify
	//    envelope       up to 32 MiB
	//    auth           for https://api.example
	//    base
	// stack has no layer "rety": did you mean "retry"?
	// stack layer "audit" acts once a call: add it with PerCall, not inside "retry"
}
