package middleware

import (
	"context"
	"os"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// TokenFunc is a function as a [TokenSource]. It is called for each attempt, so
// it should cache a token that is expensive to get; [RefreshingToken] does this
// for it. For example, a source of golang.org/x/oauth2:
//
//	middleware.TokenFunc(func(context.Context) (transport.Secret, error) {
//		token, err := source.Token()
//		if err != nil {
//			return transport.Secret{}, err
//		}
//		return transport.NewSecret(token.AccessToken), nil
//	})
type TokenFunc func(ctx context.Context) (transport.Secret, error)

// Token calls f. If f is nil, which [Auth] refuses, the error is an
// [errs.ClientError].
func (f TokenFunc) Token(ctx context.Context) (transport.Secret, error) {
	if f == nil {
		return transport.Secret{}, errNoSource
	}
	return f(ctx)
}

// validateFetched is validateToken for a token that a source returned.
func validateFetched(token transport.Secret) error {
	if token.IsZero() {
		return &errs.ClientError{Field: "token source", Problem: "returned an empty token: return one, or an error"}
	}
	return validateToken(token)
}

// TokenFromEnv returns a source that reads the environment variable name for
// each attempt. If the variable is unset or empty, the source fails with an
// [errs.ClientError] that names it.
func TokenFromEnv(name string) TokenSource {
	return TokenFunc(func(context.Context) (transport.Secret, error) {
		if token := os.Getenv(name); token != "" {
			return transport.NewSecret(token), nil
		}
		if name == "" {
			return transport.Secret{}, &errs.ClientError{Field: "environment variable", Problem: "has no name: give TokenFromEnv one, such as PREFACTOR_API_TOKEN"}
		}
		return transport.Secret{}, &errs.ClientError{Field: name, Problem: "is not set: set it to an API token"}
	})
}
