package instances_test

import (
	"testing"

	"github.com/prefactordev/prefactor-go/resources/instances"
)

func TestKnown(t *testing.T) {
	t.Parallel()
	known := []interface{ Known() bool }{
		instances.Pending, instances.Active, instances.Complete, instances.Failed, instances.Cancelled, instances.Terminated,
		instances.Live, instances.SmokeTest, instances.Eval,
		instances.PermissionUnknown, instances.Allowed, instances.Disallowed,
		instances.PresenceUnknown, instances.Included, instances.Excluded,
		instances.ClassificationUnknown, instances.Public, instances.Internal, instances.Confidential, instances.Restricted, instances.Secret,
	}
	for _, value := range known {
		if !value.Known() {
			t.Errorf("%T %q is not known", value, value)
		}
	}
	unknown := []interface{ Known() bool }{
		instances.Status(""), instances.Status("Active"), instances.Status("paused"),
		instances.Purpose(""), instances.Purpose("drill"),
		instances.Permission("maybe"), instances.Presence("maybe"), instances.Classification("cosmic"),
	}
	for _, value := range unknown {
		if value.Known() {
			t.Errorf("%T %q is known", value, value)
		}
	}
}
