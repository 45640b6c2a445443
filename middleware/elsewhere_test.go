package middleware_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
)

// throughClient is a base made of an http.Client, which follows redirects.
type throughClient struct{ client *http.Client }

func (c throughClient) RoundTrip(req *http.Request) (*http.Response, error) { return c.client.Do(req) }

// A base that follows a redirect has given the request to somebody else, whose
// response is not the API's.
func TestAResponseFromElsewhereIsRefused(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201, 404, 422, 429, 503} {
		for _, redirect := range []int{301, 302, 303, 307, 308} {
			reached := 0
			elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				reached++
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, `{"status":"success","details":{"id":"forged"}}`)
			}))
			api := httptest.NewServer(http.RedirectHandler(elsewhere.URL+"/x?token=1", redirect))
			base := throughClient{&http.Client{Transport: &http.Transport{}}}
			cfg := middleware.NewConfig(api.URL, "canary-5f1d")
			cfg.InitialRetryDelay, cfg.MaxRetryDelay = time.Millisecond, time.Millisecond // a failure of this test is quick
			stack := middleware.Default(cfg)
			err := write(t.Context(), newClient(t, stack, api.URL, base))
			contract, ok := errors.AsType[*errs.ContractError](err)
			switch {
			case !ok || errs.KindOf(err) != errs.KindContract || errors.Is(err, errs.ErrExhausted):
				t.Errorf("%d after %d: %v, want a ContractError", status, redirect, err)
			case !strings.Contains(contract.Error(), api.URL) || !strings.Contains(contract.Error(), elsewhere.URL) || strings.Contains(err.Error(), "token=1"):
				t.Errorf("%d after %d: %v, want both origins and no query", status, redirect, err)
			case !errs.MaybeApplied(err) || !errs.MaybeApplied(contract) || errs.Retryable(contract) || reached != 1:
				t.Errorf("%d after %d: MaybeApplied %t, Retryable %t, %d requests", status, redirect, errs.MaybeApplied(err), errs.Retryable(contract), reached)
			}
			base.client.CloseIdleConnections()
			api.Close()
			elsewhere.Close()
		}
	}
}

// A redirect to the same URL, as of a gateway that sets a cookie, makes a GET of a
// POST. The response to the GET may look like a success.
func TestAResponseAfterARedirectToTheSameURLIsRefused(t *testing.T) {
	t.Parallel()
	wire := &http.Transport{DisableKeepAlives: true}
	for name, base := range map[string]http.RoundTripper{
		"an http.Client": throughClient{&http.Client{Transport: wire}},
		"a base of its own": baseFunc(func(req *http.Request) (*http.Response, error) {
			again := req.Clone(req.Context())
			again.Method, again.Body, again.GetBody, again.ContentLength = http.MethodGet, nil, nil, 0
			return wire.RoundTrip(again)
		}),
	} {
		for _, redirect := range []int{301, 302, 303, 307, 308} {
			reached := 0
			api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if reached++; reached == 1 && name == "an http.Client" {
					http.Redirect(w, req, req.URL.RequestURI(), redirect)
					return
				}
				_, _ = io.WriteString(w, `{"status":"success","details":{"id":"listed"}}`)
			}))
			err := write(t.Context(), newClient(t, middleware.Default(middleware.NewConfig(api.URL, "canary-5f1d")), api.URL, base))
			contract, ok := errors.AsType[*errs.ContractError](err)
			if !ok || !errs.MaybeApplied(err) || errs.Retryable(contract) || !strings.Contains(contract.Error(), "another request to "+api.URL) {
				t.Errorf("%s, %d: %v, want a ContractError", name, redirect, err)
			}
			api.Close()
		}
	}
}

// A base may give back a copy of the request that it was given, or none.
func TestAResponseToACopyOfTheRequestIsTaken(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]func(*http.Request) *http.Request{
		"the request": func(req *http.Request) *http.Request { return req },
		"a clone":     func(req *http.Request) *http.Request { return req.Clone(req.Context()) },
		"none":        func(*http.Request) *http.Request { return nil },
		"no URL":      func(*http.Request) *http.Request { return &http.Request{} },
		"an upper-case host": func(req *http.Request) *http.Request {
			same := req.Clone(req.Context())
			same.URL.Host = strings.ToUpper(same.URL.Host)
			return same
		},
	} {
		base := baseFunc(func(req *http.Request) (*http.Response, error) {
			resp, err := succeeding(req)
			resp.Request = of(req)
			return resp, err
		})
		stack := middleware.Default(middleware.NewConfig("https://prefactor.test", "token"))
		if err := write(t.Context(), newClient(t, stack, "https://prefactor.test", base)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
