package errs_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

func TestErrorTexts(t *testing.T) {
	t.Parallel()
	key := "0b9f6a2e-7d31-4c62-9a54-3f1d7c1e8a90"
	response := func(status int, body string, header ...string) error {
		h := http.Header{"Content-Type": {"application/json"}}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return errs.FromResponse(status, h, []byte(body))
	}
	unavailable := response(503, `{"status":"error","code":"unavailable","message":"back soon"}`)
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("user closed the window"))
	late, stop := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer stop()
	attempts := make([]errs.Attempt, 4)

	for _, tt := range []struct {
		name    string
		err     error
		applied bool
		want    string
	}{
		{"invalid input", response(422, `{"status":"error","code":"validation_errors","message":"Invalid input","errors":{"details":{"payload":{"status":"error","code":"required","message":"is missing"}}}}`), false,
			`server answered 422 validation_errors: Invalid input [details.payload: is missing (required)]; correct the input`},
		{"token refused", response(401, `{"status":"error","code":"bad_authtoken","message":"Token expired"}`), false,
			`server answered 401 bad_authtoken: Token expired; check that the token is valid and that its scope allows this operation (a token of deployment scope records runs; most else needs one of account scope)`},
		{"forbidden without a body", response(403, ``), false,
			`server answered 403 Forbidden; check that the token is valid and that its scope allows this operation (a token of deployment scope records runs; most else needs one of account scope)`},
		{"no token", &errs.AuthError{APIError: &errs.APIError{}, Cause: errors.New("vault is sealed")}, false,
			`no token: vault is sealed; fix the token source`},
		{"no fresh token", &errs.AuthError{APIError: &errs.APIError{Status: 401}, Cause: errors.New("vault is sealed")}, false,
			`server answered 401 Unauthorized; no fresh token: vault is sealed; fix the token source`},
		{"no token, from a URL with a secret", &errs.AuthError{APIError: &errs.APIError{}, Cause: fmt.Errorf("idp: %w",
			&url.Error{Op: "Post", URL: "https://me:pw@idp.example/token?client_secret=canary", Err: io.EOF})}, false,
			`no token: idp: Post https://idp.example/token: EOF; fix the token source`},
		{"not found", response(404, `{"status":"error","code":"not_found","message":"No such span"}`), false,
			`server answered 404 not_found: No such span; check the id and the API URL`},
		{"conflict", response(409, `{"status":"error","code":"invalid_action","message":"already finished"}`), false,
			`server answered 409 invalid_action: already finished; read the record's current state before going on`},
		{"key of another call", response(409, `{"status":"error","code":"conflict","message":"idempotency key was used with another body"}`), false,
			`server answered 409 conflict: idempotency key was used with another body; give a call with another body a new idempotency key`},
		{"rate limited", response(429, `{"status":"error","code":"rate_limited","message":"slow down"}`, "Retry-After", "7"), false,
			`server answered 429 rate_limited: slow down; send fewer requests, and repeat the call after 7s`},
		{"rate limited without a wait", response(429, ``), false,
			`server answered 429 Too Many Requests; send fewer requests, and repeat the call later`},
		{"server error", unavailable, true,
			`server answered 503 unavailable: back soon; try again later`},
		{"bulk item", errs.FromDocument(0, errs.Document{Status: "error", Message: "odd"}), false,
			`server answered with an error: odd`},
		{"unknown status", response(599, ``), true,
			`server answered 599; try again later`},
		{"a status that the API does not use", response(304, ``), false,
			`server answered 304, but the API does not use this status; check that the API URL points to the API itself`},
		{"a field name with a line break", response(422, `{"status":"error","code":"c","errors":{"a\nb":"x"}}`), false,
			`server answered 422 c [a b: x]; correct the input`},
		{"many fields", response(422, `{"status":"error","code":"c","errors":{"a":["1","2","3","4","5","6","7","8","9","10","11","12"]}}`), false,
			`server answered 422 c [a: 1, a: 2, a: 3, a: 4, a: 5, a: 6, a: 7, a: 8, a: 9, a: 10, and 2 more]; correct the input`},
		{"redirect", response(307, ``, "Location", "https://me:pw@elsewhere.example/x?token=t#f"), false,
			`server answered 307, but the API does not redirect (to https://elsewhere.example/x); check that the API URL points to the API itself`},
		{"page", response(502, `<html>`, "Content-Type", "text/html; charset=utf-8"), true,
			`server answered 502, but its body is text/html and no JSON document; a gateway answered in the API's place: try again later`},
		{"no connection", errs.FromBase(t.Context(), &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errRefused)}, errs.ReachRead), false,
			`no connection to the server: dial tcp: connect: connection refused; check the API URL and the network`},
		{"cut body", errs.FromBase(t.Context(), io.ErrUnexpectedEOF, errs.ReachRead), true,
			`no complete response from the server: unexpected EOF`},
		{"canceled", errs.NewCanceledError(ended, unavailable), true,
			`canceled by the caller: user closed the window; before that: server answered 503 unavailable: back soon; try again later`},
		{"deadline", errs.NewCanceledError(late, nil), false,
			`the caller's deadline passed, allow more time`},
		{"refused by a layer", &errs.RejectedError{Layer: "breaker", Cause: errors.New("circuit breaker open")}, false,
			`not sent: layer "breaker" refused: circuit breaker open`},
		{"gave up", &errs.RetryExhaustedError{Reason: errs.ReasonAttempts, Last: unavailable}, true,
			`gave up, every attempt failed: server answered 503 unavailable: back soon; try again later`},
		{"gave up on a long wait", &errs.RetryExhaustedError{Reason: errs.ReasonRetryAfter, Last: response(503, ``, "Retry-After", "3600")}, true,
			`gave up, the server asks to wait 1h0m0s, longer than MaxRetryDelay: server answered 503 Service Unavailable; try again later`},
		{"untrusted certificate", errs.FromBase(t.Context(), x509.UnknownAuthorityError{}, errs.ReachRead), false,
			`no connection to the server: x509: certificate signed by unknown authority; give the base transport your certificate authority, as with middleware.NewBase`},
		{"bad input", &errs.ClientError{Field: "schema_name", Problem: "is required"}, false,
			`schema_name is required`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.err.Error(); got != tt.want {
				t.Errorf("kind:\n got %s\nwant %s", got, tt.want)
			}
			once := &errs.Error{Operation: "agent_spans.create", Method: "POST", Route: "/agent_spans", Key: key, Err: tt.err}
			if got, want := once.Error(), "prefactor: agent_spans.create: POST /agent_spans: "+tt.want; got != want {
				t.Errorf("call:\n got %s\nwant %s", got, want)
			}
			often := &errs.Error{Operation: "agent_spans.create", Method: "POST", Route: "/agent_spans", Key: key,
				Attempts: attempts, Elapsed: 7100*time.Millisecond + 13, MaybeApplied: tt.applied, Err: tt.err}
			want := "prefactor: agent_spans.create: POST /agent_spans: 4 attempts in 7.1s: " + tt.want
			if tt.applied {
				want += fmt.Sprintf("; the call may have been applied: repeat it only with idempotency key %q", key)
			}
			if got := often.Error(); got != want {
				t.Errorf("repeated call:\n got %s\nwant %s", got, want)
			}
		})
	}
}

func TestARefusalNamesTheFailureBeforeIt(t *testing.T) {
	t.Parallel()
	err := &errs.Error{Operation: "agent_spans.create", Method: "POST", Route: "/agent_spans", Elapsed: 2 * time.Second, MaybeApplied: true,
		Attempts: []errs.Attempt{{Err: errs.FromBase(t.Context(), io.ErrUnexpectedEOF, errs.ReachRead)}, {}},
		Err:      &errs.RejectedError{Layer: "breaker", Cause: errors.New("circuit breaker open")}}
	want := `prefactor: agent_spans.create: POST /agent_spans: 2 attempts in 2s: not sent: layer "breaker" refused: circuit breaker open` +
		`; before that: no complete response from the server: unexpected EOF` +
		`; the call may have been applied, and has no idempotency key: check whether it was applied before you repeat it`
	if got := err.Error(); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// Applications build these errors by hand in their tests.
func TestAnErrorBuiltByHandHasAText(t *testing.T) {
	t.Parallel()
	for _, err := range []error{&errs.Error{}, &errs.APIError{}, &errs.AuthError{}, &errs.NotFoundError{}, &errs.ValidationError{}, &errs.ConflictError{},
		&errs.RateLimitError{}, &errs.ContractError{}, &errs.NetworkError{}, &errs.CanceledError{}, &errs.RejectedError{}, &errs.RetryExhaustedError{}, &errs.ClientError{}} {
		if err.Error() == "" {
			t.Errorf("%T has no text", err)
		}
		for _, kind := range []error{errs.ErrNetwork, io.EOF} {
			_ = errors.Is(err, kind)
		}
		_, _, _ = errs.Retryable(err), errs.MaybeApplied(err), errs.FromServer(err)
	}
}

func TestKindsMatch(t *testing.T) {
	t.Parallel()
	page := errs.FromResponse(429, http.Header{"Retry-After": {"3"}}, []byte("<html>slow down"))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name string
		err  error
		is   []error
		not  []error
	}{
		{"401", errs.FromResponse(401, nil, nil), []error{errs.ErrAuth}, []error{errs.ErrContract}},
		{"403", errs.FromResponse(403, nil, nil), []error{errs.ErrAuth}, nil},
		{"404", errs.FromResponse(404, nil, nil), []error{errs.ErrNotFound}, nil},
		{"400", errs.FromResponse(400, nil, nil), []error{errs.ErrValidation}, nil},
		{"422", errs.FromResponse(422, nil, nil), []error{errs.ErrValidation}, nil},
		{"409", errs.FromResponse(409, nil, nil), []error{errs.ErrConflict}, nil},
		{"429", errs.FromResponse(429, nil, nil), []error{errs.ErrRateLimited}, nil},
		{"500", errs.FromResponse(500, nil, nil), nil, []error{errs.ErrContract, errs.ErrNetwork}},
		{"a page under 429", page, []error{errs.ErrContract, errs.ErrRateLimited}, []error{errs.ErrAuth}},
		{"exhausted", &errs.RetryExhaustedError{Last: page}, []error{errs.ErrExhausted, errs.ErrContract, errs.ErrRateLimited}, nil},
		{"canceled", errs.NewCanceledError(ended, page), []error{errs.ErrCanceled, context.Canceled, errs.ErrRateLimited}, []error{context.DeadlineExceeded}},
		{"rejected", &errs.RejectedError{Layer: "l", Cause: io.ErrClosedPipe}, []error{errs.ErrRejected, io.ErrClosedPipe}, []error{errs.ErrNetwork}},
		{"client", &errs.ClientError{}, []error{errs.ErrClient}, nil},
		{"no token", &errs.AuthError{APIError: &errs.APIError{}, Cause: io.EOF}, []error{errs.ErrAuth, io.EOF}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := error(&errs.Error{Err: tt.err})
			for _, want := range tt.is {
				if !errors.Is(err, want) {
					t.Errorf("doesn't match %v", want)
				}
			}
			for _, unwanted := range tt.not {
				if errors.Is(err, unwanted) {
					t.Errorf("matches %v", unwanted)
				}
			}
		})
	}
}

func TestAFailedTokenSourceIsNotAServerError(t *testing.T) {
	t.Parallel()
	err := error(&errs.AuthError{APIError: &errs.APIError{}, Cause: io.EOF})
	if _, ok := errors.AsType[*errs.APIError](err); ok || errs.FromServer(err) {
		t.Error("a failed token source looks like an error of the server")
	}
}

// A page from a proxy may hold anything, even a token.
func TestNoFormatVerbPrintsTheSnippet(t *testing.T) {
	t.Parallel()
	err := errs.FromResponse(503, http.Header{}, []byte("<html>\n  Authorization: Bearer pf_canary"))
	contract, ok := errors.AsType[*errs.ContractError](err)
	if !ok {
		t.Fatalf("got %T", err)
	}
	if got, want := contract.Snippet(), "<html> Authorization: Bearer pf_canary"; got != want {
		t.Errorf("snippet %q, want %q", got, want)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(verb, err); strings.Contains(text, "canary") {
			t.Errorf("%s prints the snippet: %s", verb, text)
		}
	}
}

func TestASnippetIsShort(t *testing.T) {
	t.Parallel()
	page := make([]byte, 1<<20)
	for i := range page {
		page[i] = 'x'
	}
	contract, _ := errors.AsType[*errs.ContractError](errs.FromResponse(500, nil, page))
	if n := len([]rune(contract.Snippet())); n != 201 { // 200 and an ellipsis
		t.Errorf("the snippet has %d characters", n)
	}
}
