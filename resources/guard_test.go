package resources_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

// guarded runs a test in a bubble of virtual time, which fails it if a goroutine
// is left over, with an API on a fake.
func guarded(t *testing.T, test func(t *testing.T, fake *prefactortest.Fake, api *resources.API)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		fake := prefactortest.New(prefactortest.WithT(t))
		pipe := fake.Pipe()
		defer pipe.Close()
		rt, err := middleware.Default(middleware.NewConfig(pipe.URL, prefactortest.Token)).RoundTripper(pipe.Transport())
		if err != nil {
			t.Fatal(err)
		}
		client, err := transport.NewClient(pipe.URL, rt)
		if err != nil {
			t.Fatal(err)
		}
		test(t, fake, resources.New(client))
	})
}

// begin starts a run, and returns its id.
func begin(t *testing.T, api *resources.API) string {
	t.Helper()
	run, err := api.Instances.Register(t.Context(), instances.RegisterParams{
		AgentID:            prefactortest.AgentID,
		EnvironmentID:      prefactortest.EnvironmentID,
		AgentVersion:       &instances.AgentVersion{ExternalIdentifier: "1"},
		AgentSchemaVersion: &instances.AgentSchemaVersion{ExternalIdentifier: "1"},
	})
	if err == nil {
		run, err = api.Instances.Start(t.Context(), run.ID, instances.StartParams{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return run.ID
}

func step(ctx context.Context, api *resources.API, id string) error {
	_, err := api.Spans.Create(ctx, spans.CreateParams{AgentInstanceID: id, SchemaName: "app:llm"})
	return err
}

// assertTerminated fails the test unless work ended with the end of the instance.
func assertTerminated(t *testing.T, work context.Context, id, reason string) {
	t.Helper()
	end, ok := errors.AsType[*resources.TerminatedError](context.Cause(work))
	if !ok || end.InstanceID != id || end.Reason != reason {
		t.Errorf("the context's cause is %v, want the end of %s: %s", context.Cause(work), id, reason)
	}
}

func TestGuardEndsTheWorkWithTheAnswerThatTellsOfTheEnd(t *testing.T) {
	t.Parallel()
	guarded(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		id := begin(t, api)
		work, stop := api.Guard(t.Context(), id)
		defer stop()
		time.Sleep(time.Second)
		if err := step(work, api, id); err != nil || work.Err() != nil {
			t.Errorf("%v, %v; want the work to go on", err, work.Err())
		}
		fake.Terminate(id, "over budget")
		if err := step(work, api, id); err != nil {
			t.Errorf("%v: the write that tells of the end still succeeds", err)
		}
		assertTerminated(t, work, id, "over budget")

		err := step(work, api, id)
		if end, ok := errors.AsType[*resources.TerminatedError](err); !ok || end.Reason != "over budget" || !errors.Is(err, errs.ErrCanceled) {
			t.Errorf("a call after the end: %v, want it canceled with the cause", err)
		}
	})
}

func TestGuardEndsTheWorkOfARunThatWritesNothing(t *testing.T) {
	t.Parallel()
	guarded(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		id := begin(t, api)
		began := time.Now()
		work, stop := api.Guard(t.Context(), id)
		defer stop()
		time.AfterFunc(40*time.Second, func() { fake.Terminate(id, "by hand") })
		<-work.Done()
		assertTerminated(t, work, id, "by hand")
		if took := time.Since(began); took != time.Minute {
			t.Errorf("after %s, want 60s: asked at once, and every 30s", took)
		}
	})
}

func TestGuardOfARunThatHasEndedBeforeEndsAtOnce(t *testing.T) {
	t.Parallel()
	guarded(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		id := begin(t, api)
		fake.Terminate(id, "early")
		if err := step(t.Context(), api, id); err != nil { // the layer tells of it, and nobody listens
			t.Error(err)
		}
		work, stop := api.Guard(t.Context(), id)
		defer stop()
		synctest.Wait()
		assertTerminated(t, work, id, "early")
	})
}

func TestGuardKeepsTheFastWayWhereItMustNotAsk(t *testing.T) {
	t.Parallel()
	guarded(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		fake.Inject(prefactortest.On("agent_instances.get").Reply(403))
		id := begin(t, api)
		work, stop := api.Guard(t.Context(), id)
		defer stop()
		time.Sleep(time.Hour)
		if work.Err() != nil {
			t.Errorf("%v: a refusal to tell isn't the end", context.Cause(work))
		}
		fake.Terminate(id, "x")
		if err := step(work, api, id); err != nil {
			t.Error(err)
		}
		assertTerminated(t, work, id, "x")
	})
}

func TestAnEndThatIsNotFromOutsideEndsNoWork(t *testing.T) {
	t.Parallel()
	guarded(t, func(t *testing.T, _ *prefactortest.Fake, api *resources.API) {
		id := begin(t, api)
		work, stop := api.Guard(t.Context(), id)
		defer stop()
		if _, err := api.Instances.Finish(t.Context(), id, instances.FinishParams{}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if work.Err() != nil {
			t.Errorf("%v, want the context to go on", context.Cause(work))
		}
	})
}

func TestALateAnswerOfAnEarlierRunLeavesTheNextOneAlone(t *testing.T) {
	t.Parallel()
	guarded(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		first := begin(t, api)
		firstWork, stopFirst := api.Guard(t.Context(), first)
		synctest.Wait()
		fake.Terminate(first, "late")
		fake.Inject(prefactortest.On("agent_spans.create").Delay(10 * time.Second))
		var late sync.WaitGroup
		late.Go(func() { // a write that is still under way when the run is over
			if err := step(t.Context(), api, first); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(time.Second)
		stopFirst()

		next := begin(t, api)
		nextWork, stopNext := api.Guard(t.Context(), next)
		defer stopNext()
		late.Wait()
		if nextWork.Err() != nil {
			t.Errorf("%v: the next run was ended by an answer of the one before", context.Cause(nextWork))
		}
		if context.Cause(firstWork) != context.Canceled {
			t.Errorf("%v, want the first guard ended by stop alone", context.Cause(firstWork))
		}
		if err := step(nextWork, api, next); err != nil {
			t.Error(err)
		}
	})
}

func TestGuardEndsWithItsParentAndWithStop(t *testing.T) {
	t.Parallel()
	guarded(t, func(t *testing.T, _ *prefactortest.Fake, api *resources.API) {
		id := begin(t, api)
		shutdown := errors.New("shutdown")
		parent, end := context.WithCancelCause(t.Context())
		work, stop := api.Guard(parent, id)
		end(shutdown)
		if context.Cause(work) != shutdown {
			t.Errorf("%v, want the parent's cause", context.Cause(work))
		}
		stop()
		stop() // twice is fine

		work, stop = api.Guard(t.Context(), id)
		stop()
		if context.Cause(work) != context.Canceled {
			t.Errorf("%v, want it canceled", context.Cause(work))
		}
	})
}

func TestGuardOfAnImpossibleInstanceEndsAtOnceWithTheReason(t *testing.T) {
	t.Parallel()
	guarded(t, func(t *testing.T, _ *prefactortest.Fake, api *resources.API) {
		work, stop := api.Guard(t.Context(), "")
		defer stop()
		<-work.Done()
		if !errors.Is(context.Cause(work), errs.ErrClient) {
			t.Errorf("%v, want a ClientError", context.Cause(work))
		}
	})
}

func TestManyGuardsHearOfTheirOwnInstances(t *testing.T) {
	t.Parallel()
	const runs, guards = 8, 4
	guarded(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		var all sync.WaitGroup
		for n := range runs {
			all.Go(func() {
				id := begin(t, api)
				var works []context.Context
				for range guards {
					work, stop := api.Guard(t.Context(), id)
					defer stop()
					works = append(works, work)
				}
				time.Sleep(time.Second)
				if n%2 == 0 {
					fake.Terminate(id, id)
				}
				if err := step(t.Context(), api, id); err != nil {
					t.Error(err)
				}
				for _, work := range works {
					if n%2 == 0 {
						assertTerminated(t, work, id, id)
					} else if work.Err() != nil {
						t.Errorf("%v, want the work to go on", context.Cause(work))
					}
				}
			})
		}
		all.Wait()
	})
}

func TestTerminatedErrorNamesTheInstanceAndTheReason(t *testing.T) {
	t.Parallel()
	for _, end := range []struct {
		err  resources.TerminatedError
		want string
	}{
		{resources.TerminatedError{InstanceID: "run", Reason: "over budget"}, "instance run was terminated: over budget"},
		{resources.TerminatedError{InstanceID: "run"}, "instance run was terminated"},
	} {
		if got := end.err.Error(); !strings.HasSuffix(got, end.want) {
			t.Errorf("%q, want %q", got, end.want)
		}
	}
}

// guardedWith is guarded with a token source.
func guardedWith(t *testing.T, source middleware.TokenSource, test func(t *testing.T, fake *prefactortest.Fake, api *resources.API)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		fake := prefactortest.New(prefactortest.WithT(t))
		pipe := fake.Pipe()
		defer pipe.Close()
		stack := middleware.Default(middleware.NewConfig(pipe.URL, prefactortest.Token)).Replace("auth", middleware.Auth(pipe.URL, source))
		rt, err := stack.RoundTripper(pipe.Transport())
		if err != nil {
			t.Fatal(err)
		}
		client, err := transport.NewClient(pipe.URL, rt)
		if err != nil {
			t.Fatal(err)
		}
		test(t, fake, resources.New(client))
	})
}

// A token that can't be had for a moment, over one of the guard's questions, is
// neither the run's end nor the guard's.
func TestGuardOutlivesAnOutageOfTheTokenSource(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{"an error": errors.New("the token service restarts"), "an empty token": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var down atomic.Bool
			source := middleware.TokenFunc(func(context.Context) (transport.Secret, error) {
				if down.Load() {
					return transport.Secret{}, failure
				}
				return transport.NewSecret(prefactortest.Token), nil
			})
			guardedWith(t, source, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
				id := begin(t, api)
				work, stop := api.Guard(t.Context(), id)
				defer stop()
				time.Sleep(25 * time.Second)
				down.Store(true)
				time.Sleep(10 * time.Second)
				down.Store(false)
				if work.Err() != nil {
					t.Fatalf("the work was ended: %v", context.Cause(work))
				}
				fake.Terminate(id, "budget")
				time.Sleep(time.Minute)
				if _, ok := errors.AsType[*resources.TerminatedError](context.Cause(work)); !ok {
					t.Errorf("the guard no longer asks: %v", context.Cause(work))
				}
			})
		})
	}
}

func TestAGuardThatComesLateHearsWhatWasTold(t *testing.T) {
	t.Parallel()
	guarded(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		fake.Inject(prefactortest.On("agent_instances.get").Reply(401).Optional()) // only the fast way is left
		id := begin(t, api)
		fake.Terminate(id, "budget")
		if err := step(t.Context(), api, id); err != nil {
			t.Fatal(err)
		}
		work, stop := api.Guard(t.Context(), id)
		defer stop()
		synctest.Wait()
		if terminated, ok := errors.AsType[*resources.TerminatedError](context.Cause(work)); !ok || terminated.Reason != "budget" {
			t.Errorf("the cause is %v", context.Cause(work))
		}
	})
}

func TestWatchOutlivesTheTimeoutOfOneQuestion(t *testing.T) {
	t.Parallel()
	guarded(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		id := begin(t, api)
		fake.Inject(prefactortest.On("agent_instances.get").Delay(10 * time.Second))
		time.AfterFunc(time.Minute, func() { fake.Terminate(id, "budget") })
		run, err := api.Instances.Watch(t.Context(), id, 5*time.Second, transport.WithTimeout(2*time.Second))
		if err != nil || run.Status != instances.Terminated {
			t.Errorf("got %v, %v", run, err)
		}
	})
}
