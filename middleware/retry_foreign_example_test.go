package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
)

// A company's own retry, in place of the layer Retry. It knows only round
// trippers.
type companyRetry struct{ next http.RoundTripper }

func (c *companyRetry) RoundTrip(req *http.Request) (*http.Response, error) {
	for range 2 {
		resp, err := c.next.RoundTrip(req)
		if err == nil && resp.StatusCode < 500 {
			return resp, nil
		}
		if err == nil {
			_ = resp.Body.Close()
		}
	}
	return c.next.RoundTrip(req)
}

func ExampleForeignRetry() {
	fake := prefactortest.New()
	fake.Inject(
		prefactortest.On("*").Reply(503),
		prefactortest.On("*").Nth(2).CutBody(10),
		prefactortest.On("*").Nth(3).Reply(502),
	)
	cfg := middleware.NewConfig("https://prefactor.test", prefactortest.Token)
	stack := middleware.Default(cfg).Replace("retry", middleware.ForeignRetry(func(next http.RoundTripper) http.RoundTripper {
		return &companyRetry{next}
	}))
	err := write(context.Background(), exampleClient(stack, fake))
	if failure, ok := errors.AsType[*errs.Error](err); ok {
		for _, a := range failure.Attempts {
			fmt.Println(a.Status, errs.KindOf(a.Err), a.Reason)
		}
	}
	fmt.Println("exhausted:", errors.Is(err, errs.ErrExhausted), "maybe applied:", errs.MaybeApplied(err))
	// Output:
	// 503 server retried
	// 200 network retried
	// 502 server every attempt failed
	// exhausted: true maybe applied: true
}
