package middleware_test

import (
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

func TestNothingIsLostAndNothingDoubledInAStorm(t *testing.T) {
	t.Parallel()
	prefactortest.TestStorm(t, buildDefault, 10_000)
}
