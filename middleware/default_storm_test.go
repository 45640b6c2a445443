package middleware_test

import (
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
)

func TestNothingIsLostAndNothingDoubledInAStorm(t *testing.T) {
	t.Parallel()
	conformance.TestStorm(t, buildDefault, 10_000)
}
