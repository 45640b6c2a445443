package instances_test

import (
	"slices"
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/internal/wiretest"
)

func TestAQualityRecordIsWrittenReplacedAndRemoved(t *testing.T) {
	onFakes(t, func(t *testing.T, _ *prefactortest.Fake, s *instances.Service) {
		ctx := t.Context()
		run := register(t, s, "")
		if _, err := s.RecordQuality(ctx, run.ID, "tone", map[string]any{"kind": true}); err != nil {
			t.Fatal(err)
		}
		for _, score := range []int{3, 5} {
			got, err := s.RecordQuality(ctx, run.ID, "answer", map[string]any{"score": score})
			if err != nil {
				t.Fatal(err)
			}
			var record struct {
				Score int `json:"score"`
			}
			if err := got.QualityPayloads["answer"].Decode(&record); err != nil || record.Score != score || got.QualityPayloads["tone"] == nil {
				t.Errorf("after %d: %v, %v", score, got.QualityPayloads, err)
			}
		}
		got, err := s.Get(ctx, run.ID)
		if err != nil || got.QualitySummaries["answer"] != "5 of 5" {
			t.Errorf("QualitySummaries = %v, %v", got.QualitySummaries, err)
		}
		got, err = s.RemoveQuality(ctx, run.ID, "answer")
		if err != nil || got.QualityPayloads["answer"] != nil || got.QualityPayloads["tone"] == nil {
			t.Errorf("after the removal: %v, %v", got.QualityPayloads, err)
		}
	})
}

func TestAQualityRecordsErrorNamesAllThatIsWrong(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string]any{"nil": nil, "a list": []int{1}} {
		service, fake := answering(t, `{"details":{"id":"i"}}`)
		_, err := service.RecordQuality(t.Context(), "i", "", payload)
		if got := wiretest.Fields(err); !slices.Equal(got, []string{"name", "payload"}) || len(fake.Journal()) != 0 {
			t.Errorf("%s: the error is about %q: %v", name, got, err)
		}
	}
}
