package middleware_test

import (
	"errors"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
)

func TestTokenFromEnvReadsTheVariableEachTime(t *testing.T) {
	const name = "PREFACTOR_TEST_TOKEN"
	source := middleware.TokenFromEnv(name)
	for _, want := range []string{"one", "two"} {
		t.Setenv(name, want)
		if token, err := source.Token(t.Context()); err != nil || token.Reveal() != want {
			t.Errorf("%q, %v; want %q", token.Reveal(), err, want)
		}
	}
	_, err := middleware.TokenFromEnv("").Token(t.Context())
	if mistake, ok := errors.AsType[*errs.ClientError](err); !ok || mistake.Problem != "has no name: give TokenFromEnv one, such as PREFACTOR_API_TOKEN" {
		t.Errorf("%v, want a ClientError that asks for a name", err)
	}
	t.Setenv(name, "")
	_, err = source.Token(t.Context())
	if mistake, ok := errors.AsType[*errs.ClientError](err); !ok || mistake.Field != name {
		t.Errorf("%v, want a ClientError that names %s", err, name)
	}
}
