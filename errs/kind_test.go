package errs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
)

func TestKindOf(t *testing.T) {
	t.Parallel()
	limited := &errs.RateLimitError{APIError: &errs.APIError{Status: 429}}
	page := errs.NewContractError(429, nil, "its body is not a JSON document", nil, limited)
	unavailable := &errs.APIError{Status: 503}
	noResponse := &errs.NetworkError{Cause: io.EOF}
	noToken := &errs.AuthError{APIError: &errs.APIError{}, Cause: noResponse}
	canceled := &errs.CanceledError{Err: context.Canceled, Cause: noResponse, Last: unavailable}
	rejected := &errs.RejectedError{Layer: "breaker", Cause: unavailable}
	for _, tt := range []struct {
		name string
		err  error
		want errs.Kind
	}{
		{"nil", nil, errs.KindOK},
		{"auth", &errs.AuthError{APIError: &errs.APIError{Status: 403}}, errs.KindAuth},
		{"not found", &errs.NotFoundError{APIError: &errs.APIError{Status: 404}}, errs.KindNotFound},
		{"validation", &errs.ValidationError{APIError: &errs.APIError{Status: 422}}, errs.KindValidation},
		{"conflict", &errs.ConflictError{APIError: &errs.APIError{Status: 409}}, errs.KindConflict},
		{"rate limited", limited, errs.KindRateLimited},
		{"server", unavailable, errs.KindServer},
		{"contract", errs.NewContractError(200, nil, "its body is empty", nil, nil), errs.KindContract},
		{"network", noResponse, errs.KindNetwork},
		{"canceled", canceled, errs.KindCanceled},
		{"rejected", rejected, errs.KindRejected},
		{"client", &errs.ClientError{Field: "id", Problem: "is empty"}, errs.KindClient},
		{"foreign", errors.New("policy says no"), errs.KindOther},
		{"foreign, of the network", io.EOF, errs.KindOther},
		{"foreign, of a context", context.Canceled, errs.KindOther},

		{"a contract error around a rate limit", page, errs.KindContract},
		{"a failed token source around a network error", noToken, errs.KindAuth},
		{"exhausted", &errs.RetryExhaustedError{Last: unavailable}, errs.KindServer},
		{"exhausted, last a page", &errs.RetryExhaustedError{Last: page}, errs.KindContract},
		{"exhausted, last foreign", &errs.RetryExhaustedError{Last: io.EOF}, errs.KindOther},
		{"exhausted without a last failure", &errs.RetryExhaustedError{}, errs.KindOther},
		{"without a response", &errs.NotFoundError{}, errs.KindNotFound},

		{"call", &errs.Error{Err: noToken}, errs.KindAuth},
		{"call, exhausted", &errs.Error{Err: &errs.RetryExhaustedError{Last: limited}}, errs.KindRateLimited},
		{"call within a call", &errs.Error{Err: &errs.Error{Err: page}}, errs.KindContract},
		{"call of a foreign failure", &errs.Error{Err: io.EOF}, errs.KindOther},
		{"call without a failure", &errs.Error{}, errs.KindOther},

		{"wrapped", fmt.Errorf("saving: %w", limited), errs.KindRateLimited},
		{"wrapped call", fmt.Errorf("saving: %w", &errs.Error{Err: fmt.Errorf("layer: %w", rejected)}), errs.KindRejected},
		{"joined, the first decides", errors.Join(io.EOF, canceled, limited), errs.KindCanceled},
		{"joined, all foreign", errors.Join(io.EOF, io.ErrClosedPipe), errs.KindOther},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := errs.KindOf(tt.err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// The kinds are labels of users' metrics: changing one breaks their dashboards.
func TestKindsAreStableLabels(t *testing.T) {
	t.Parallel()
	for kind, want := range map[errs.Kind]string{
		errs.KindOK: "ok", errs.KindAuth: "auth", errs.KindNotFound: "not_found", errs.KindValidation: "validation",
		errs.KindConflict: "conflict", errs.KindRateLimited: "rate_limited", errs.KindServer: "server", errs.KindContract: "contract",
		errs.KindNetwork: "network", errs.KindCanceled: "canceled", errs.KindRejected: "rejected", errs.KindClient: "client",
		errs.KindOther: "error",
	} {
		if string(kind) != want {
			t.Errorf("got %q, want %q", kind, want)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	refusals := map[int]bool{407: true, 411: true, 413: true, 414: true, 417: true, 421: true, 429: true, 431: true}
	for status := range 1000 {
		if got := errs.Refused(status); got != refusals[status] {
			t.Errorf("Refused(%d) is %t", status, got)
		}
	}
}

// A refusal by status needs no document: a gateway's page is enough.
func TestMaybeAppliedUnderEveryStatus(t *testing.T) {
	t.Parallel()
	for status := 300; status < 600; status++ {
		page := errs.FromResponse(status, http.Header{"Content-Type": {"text/html"}}, []byte("<html>"))
		if got, want := errs.MaybeApplied(page), !errs.Refused(status); got != want {
			t.Errorf("a page under %d: got %t, want %t", status, got, want)
		}
		document := errs.FromResponse(status, nil, []byte(`{"status":"error","code":"c"}`))
		if got, want := errs.MaybeApplied(document), !errs.Refused(status) && (status < 400 || status >= 500); got != want {
			t.Errorf("an error document under %d: got %t, want %t", status, got, want)
		}
	}
}
