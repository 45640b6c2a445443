package thirdparty_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

const oauthToken = "a-token-of-oauth2"

// authorizing returns a setup with oauth2 in place of auth.
func authorizing(source oauth2.TokenSource) setup {
	return setup{
		edit: func(s transport.Stack, _ middleware.Config) transport.Stack {
			return s.Replace("auth", oauthLayer(source))
		},
		suite: []conformance.SuiteOption{conformance.OwnAuth()},
		token: oauthToken,
	}
}

func oauthLayer(source oauth2.TokenSource) transport.Layer {
	return transport.NewLayer("auth", transport.PerAttempt, func(next http.RoundTripper) http.RoundTripper {
		return &oauth2.Transport{Source: source, Base: next}
	})
}

// sourced returns a setup whose auth gets its token from oauth2.
func sourced(source oauth2.TokenSource) setup {
	return setup{
		edit: func(s transport.Stack, cfg middleware.Config) transport.Stack {
			return s.Replace("auth", middleware.Auth(cfg.APIURL, middleware.TokenFunc(func(context.Context) (transport.Secret, error) {
				token, err := source.Token()
				if err != nil {
					return transport.Secret{}, err
				}
				return transport.NewSecret(token.AccessToken), nil
			})))
		},
		suite: []conformance.SuiteOption{conformance.OwnAuth()},
		token: oauthToken,
	}
}

func TestOAuth2(t *testing.T) {
	t.Parallel()
	source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: oauthToken})
	testEach(t, map[string]setup{
		"in place of auth":     authorizing(source),
		"as auth's own source": sourced(source),
	})
}

func TestOAuth2FollowsTheRules(t *testing.T) {
	t.Parallel()
	conformance.TestLayer(t, oauthLayer(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: oauthToken})))
}

// A token server issues tokens by the client credentials flow, each for an hour.
func TestOAuth2FetchesATokenAndUsesItUntilItExpires(t *testing.T) {
	t.Parallel()
	var issued atomic.Int32
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		issued.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": oauthToken, "token_type": "Bearer", "expires_in": 3600})
	}))
	defer issuer.Close()
	flow := clientcredentials.Config{ClientID: "recorder", ClientSecret: "hidden", TokenURL: issuer.URL}
	for name, with := range map[string]func(oauth2.TokenSource) setup{"in place of auth": authorizing, "as auth's own source": sourced} {
		issued.Store(0)
		fake := prefactortest.New(prefactortest.WithToken(oauthToken, prefactortest.Grant{}))
		server := httptest.NewServer(fake)
		defer server.Close()
		cfg := middleware.NewConfig(server.URL, "unused")
		cfg.InitialRetryDelay = time.Millisecond
		r := newRig(t, with(flow.TokenSource(t.Context())), fake, cfg, middleware.NewBase(cfg))
		defer r.api.Close()
		if err := r.create(); err != nil {
			t.Fatal(err)
		}
		if err := r.create(); err != nil {
			t.Fatal(err)
		}
		if n := issued.Load(); n != 1 {
			t.Errorf("%s: %d tokens were issued for four calls, want 1", name, n)
		}
	}
}

// If there is no token, nothing is sent, and the caller finds oauth2's own error.
func TestOAuth2FailsWithItsOwnError(t *testing.T) {
	t.Parallel()
	refusal := &oauth2.RetrieveError{Response: &http.Response{Status: "400 Bad Request"}, Body: []byte("hidden"), ErrorCode: "invalid_client"}
	source := failingSource{refusal}
	for name, s := range map[string]setup{"in place of auth": authorizing(source), "as auth's own source": sourced(source)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, s, func(r *rig) {
				_, err := r.api.Client.Do(r.t.Context(), transport.Request{Method: http.MethodPost, Path: "/ping", Body: struct{}{}})
				if found, ok := errors.AsType[*oauth2.RetrieveError](err); !ok || found != refusal {
					r.t.Errorf("the error isn't oauth2's: %v", err)
				}
				if errs.MaybeApplied(err) || len(r.fake.Journal()) != 0 || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "a-token") {
					r.t.Errorf("maybe applied %t, and the fake got %d requests: %v", errs.MaybeApplied(err), len(r.fake.Journal()), err)
				}
			})
		})
	}
}

type failingSource struct{ err error }

func (s failingSource) Token() (*oauth2.Token, error) { return nil, s.err }
