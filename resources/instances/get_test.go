package instances_test

import (
	"errors"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/internal/wiretest"
)

func TestGetReturnsTheCurrentInstance(t *testing.T) {
	t.Parallel()
	fake := prefactortest.New(prefactortest.WithT(t))
	service := instances.New(wiretest.Client(t, fake))
	id := running(t, service)
	fake.Terminate(id, "over budget")

	run, err := service.Get(t.Context(), id)
	if err != nil || run.ID != id || run.Status != instances.Terminated || run.TerminationReason != "over budget" {
		t.Errorf("%+v, %v; want the terminated instance", run, err)
	}
	if _, err := service.Get(t.Context(), "unknown"); !errors.Is(err, errs.ErrNotFound) {
		t.Errorf("%v, want a NotFoundError", err)
	}
	for _, x := range fake.Journal()[2:] {
		if x.Operation != "agent_instances.get" || x.Key != "" {
			t.Errorf("%s with the key %q, want a get without one", x.Operation, x.Key)
		}
	}
}
