package errs_test

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/prefactordev/prefactor-go/errs"
)

// Branch on the kind; ask the questions for what to do next; take the data of a
// type with errors.As.
func ExampleKindOf() {
	document := []byte(`{"status":"error","code":"rate_limited","message":"slow down","retry_after_ms":7000}`)
	err := error(&errs.Error{
		Operation: "agent_spans.create", Method: http.MethodPost, Route: "/agent_spans",
		Err: errs.FromResponse(http.StatusTooManyRequests, nil, document),
	})

	switch kind := errs.KindOf(err); kind {
	case errs.KindRateLimited:
		wait, _ := errs.RetryAfter(err)
		fmt.Println(kind, wait, errs.Retryable(err), errs.MaybeApplied(err))
	case errs.KindNotFound, errs.KindValidation:
		fmt.Println("no use in trying again")
	}
	if limited, ok := errors.AsType[*errs.RateLimitError](err); ok {
		fmt.Println(limited.Code, limited.Message)
	}
	// Output:
	// rate_limited 7s true false
	// rate_limited slow down
}
