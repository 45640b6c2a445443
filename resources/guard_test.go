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

// guarded runs a test in virtual time, with an API on a fake. The test fails if a
// goroutine is left running.
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

// begin starts a run and returns its id.
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

// assertTerminated fails the test unless work ended because the instance was
// terminated with that reason.
func assertTerminated(t *testing.T, work context.Context, id, reason string) {
	t.Helper()
	end, ok := errors.AsType[*resources.TerminatedError](context.Cause(work))
	if !ok || end.InstanceID != id || end.Reason != reason {
		t.Errorf("the context's cause is %v, want the end of %s: %s", context.Cause(work), id, reason)
	}
}

func TestGuardEndsTheWorkWithTheResponseThatReportsTheTermination(t *testing.T) {
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
			t.Errorf("%v, want the write that reports the termination to succeed", err)
		}
		assertTerminated(t, work, id, "over budget")

		err := step(work, api, id)
		if end, ok := errors.AsType[*resources.TerminatedError](err); !ok || end.Reason != "over budget" || !errors.Is(err, errs.ErrCanceled) {
			t.Errorf("a call after the end: %v, want a CanceledError with the cause", err)
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
		if took := time.Since(began); took < 40*time.Second || took > 70*time.Second {
			t.Errorf("after %s, want 30s or less after the termination", took)
		}
	})
}

func TestGuardOfATerminatedRunEndsAtOnce(t *testing.T) {
	t.Parallel()
	guarded(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		id := begin(t, api)
		fake.Terminate(id, "early")
		if err := step(t.Context(), api, id); err != nil { // its response reports the termination before there is a guard
			t.Error(err)
		}
		work, stop := api.Guard(t.Context(), id)
		defer stop()
		synctest.Wait()
		assertTerminated(t, work, id, "early")
	})
}

func TestGuardReadsResponsesWhereItMayNotReadTheInstance(t *testing.T) {
	t.Parallel()
	guarded(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		fake.Inject(prefactortest.On("agent_instances.get").Reply(403))
		id := begin(t, api)
		work, stop := api.Guard(t.Context(), id, resources.GuardReport(func(error) {}))
		defer stop()
		time.Sleep(time.Hour)
		if work.Err() != nil {
			t.Errorf("%v, want the context to go on after a read that was refused", context.Cause(work))
		}
		fake.Terminate(id, "x")
		if err := step(work, api, id); err != nil {
			t.Error(err)
		}
		assertTerminated(t, work, id, "x")
	})
}

func TestGuardOutlivesTheFinishOfItsRun(t *testing.T) {
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

func TestALateResponseForAnEarlierRunDoesNotEndTheNext(t *testing.T) {
	t.Parallel()
	guarded(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		first := begin(t, api)
		firstWork, stopFirst := api.Guard(t.Context(), first)
		synctest.Wait()
		fake.Terminate(first, "late")
		fake.Inject(prefactortest.On("agent_spans.create").Delay(10 * time.Second))
		var late sync.WaitGroup
		late.Go(func() { // a write that is still in progress when the run is over
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
			t.Errorf("%v: a response for the first run ended the next one", context.Cause(nextWork))
		}
		if context.Cause(firstWork) != context.Canceled {
			t.Errorf("%v, want the first guard to be ended only by stop", context.Cause(firstWork))
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
		stop() // may be called twice

		work, stop = api.Guard(t.Context(), id)
		stop()
		if context.Cause(work) != context.Canceled {
			t.Errorf("%v, want context.Canceled", context.Cause(work))
		}
	})
}

func TestGuardOfAnInvalidInstanceIDEndsAtOnce(t *testing.T) {
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

func TestEachGuardFollowsItsOwnInstance(t *testing.T) {
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

// A token source that fails during one of the guard's reads ends neither the run's
// context nor the guard.
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
					t.Errorf("the guard no longer reads the instance: %v", context.Cause(work))
				}
			})
		})
	}
}

func TestALaterGuardKnowsAnEarlierTermination(t *testing.T) {
	t.Parallel()
	guarded(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		fake.Inject(prefactortest.On("agent_instances.get").Reply(401).Optional()) // only responses to writes are left
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

func TestWatchOutlivesTheTimeoutOfOneRead(t *testing.T) {
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

// The reason may be any text, and stands in the error of every later call.
func TestAReasonIsShortInErrors(t *testing.T) {
	t.Parallel()
	err := &resources.TerminatedError{InstanceID: "i", Reason: strings.Repeat("too\nmuch ", 100_000)}
	if text := err.Error(); len(text) > 300 || strings.Contains(text, "\n") {
		t.Errorf("%d bytes: %.100q", len(text), text)
	}
	if len(err.Reason) != 900_000 {
		t.Error("the reason itself was cut")
	}
}

// An API may be made for each request: those on one client share what its
// responses say.
func TestAPIsOnOneClientShareTheirGuards(t *testing.T) {
	t.Parallel()
	guarded(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		fake.Inject(prefactortest.On("agent_instances.get").Reply(401).Optional()) // responses to writes are left
		id := begin(t, api)
		work, stop := resources.New(api.Client).Guard(t.Context(), id)
		defer stop()
		fake.Terminate(id, "budget")
		if err := step(t.Context(), resources.New(api.Client), id); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, ok := errors.AsType[*resources.TerminatedError](context.Cause(work)); !ok {
			t.Errorf("the cause is %v", context.Cause(work))
		}
	})
}
