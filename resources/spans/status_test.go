package spans_test

import (
	"testing"

	"github.com/prefactordev/prefactor-go/resources/spans"
)

func TestKnown(t *testing.T) {
	t.Parallel()
	known := []interface{ Known() bool }{
		spans.Pending, spans.Active, spans.Complete, spans.Failed, spans.Cancelled,
		spans.Activity, spans.Quality, spans.Alert,
		spans.RiskLow, spans.RiskMedium, spans.RiskHigh, spans.RiskCritical,
	}
	for _, value := range known {
		if !value.Known() {
			t.Errorf("%T %q is not known", value, value)
		}
	}
	unknown := []interface{ Known() bool }{
		spans.Status(""), spans.Status("Active"), spans.Status("terminated"), spans.Purpose(""), spans.Purpose("live"), spans.RiskLevel(""), spans.RiskLevel("none"),
	}
	for _, value := range unknown {
		if value.Known() {
			t.Errorf("%T %q is known", value, value)
		}
	}
}
