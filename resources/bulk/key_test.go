package bulk_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/prefactordev/prefactor-go/resources/bulk"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/pfid"
	"github.com/prefactordev/prefactor-go/resources/spans"
)

// The keys stay the same for all versions of the module: a step that is recorded
// again, by a newer program, is the same step.
func TestDerivedKeysNeverChange(t *testing.T) {
	t.Parallel()
	id, err := pfid.Parse("013xrzp12g3nqk8n0000000000000000")
	if err != nil {
		t.Fatal(err)
	}
	if got := bulk.KeyOf("agent_spans/create", id); got != "25134f30-4170-5305-be52-812dc387d7dd" {
		t.Errorf("the key is %s", got)
	}
}

func TestTheDefaultKeyFollowsFromTheID(t *testing.T) {
	t.Parallel()
	id := pfid.NewRoot()
	other := pfid.NewRelated(id)
	then := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	for name, item := range map[string]func(id string) bulk.Item{
		"agent_instances/register": func(id string) bulk.Item { return bulk.RegisterInstance("", instances.RegisterParams{ID: id}) },
		"agent_instances/start":    func(id string) bulk.Item { return bulk.StartInstance("", id, instances.StartParams{Timestamp: then}) },
		"agent_instances/finish":   func(id string) bulk.Item { return bulk.FinishInstance("", id, instances.FinishParams{Timestamp: then}) },
		"agent_spans/create":       func(id string) bulk.Item { return bulk.CreateSpan("", spans.CreateParams{ID: id}) },
		"agent_spans/finish":       func(id string) bulk.Item { return bulk.FinishSpan("", id, spans.FinishParams{Timestamp: then}) },
	} {
		if key := item(id.String()).Key; key != bulk.KeyOf(name, id) || key == item(other.String()).Key || key == bulk.KeyOf("another", id) {
			t.Errorf("%s: the key is %s", name, key)
		}
		for _, none := range []string{"", "my-own-id"} {
			a, b := item(none).Key, item(none).Key
			if _, err := uuid.Parse(a); err != nil || a == b {
				t.Errorf("%s: the keys for %q are %s and %s, want random ones", name, none, a, b)
			}
		}
	}
	for name, items := range map[string][2]bulk.Item{
		"start":       {bulk.StartInstance("", id.String(), instances.StartParams{}), bulk.StartInstance("", id.String(), instances.StartParams{})},
		"finish":      {bulk.FinishInstance("", id.String(), instances.FinishParams{}), bulk.FinishInstance("", id.String(), instances.FinishParams{})},
		"finish span": {bulk.FinishSpan("", id.String(), spans.FinishParams{}), bulk.FinishSpan("", id.String(), spans.FinishParams{})},
	} {
		if items[0].Key == items[1].Key {
			t.Errorf("%s without a time has the same key twice", name)
		}
	}
	if item := bulk.CreateSpan("my-own-key", spans.CreateParams{ID: id.String()}); item.Key != "my-own-key" {
		t.Errorf("the key is %s", item.Key)
	}
}
