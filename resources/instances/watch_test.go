package instances_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/transport"
)

// authorized is a layer that sends the fake's token.
func authorized() transport.Layer {
	return transport.NewLayerFunc("token", transport.Anywhere, func(req *http.Request, next transport.Next) (*http.Response, error) {
		req.Header.Set("Authorization", "Bearer "+prefactortest.Token)
		return next(req)
	})
}

// running starts a run, and returns its id.
func running(t *testing.T, service *instances.Service) string {
	t.Helper()
	run, err := service.Register(t.Context(), instances.RegisterParams{
		AgentID:            prefactortest.AgentID,
		EnvironmentID:      prefactortest.EnvironmentID,
		AgentVersion:       &instances.AgentVersion{ExternalIdentifier: "1"},
		AgentSchemaVersion: &instances.AgentSchemaVersion{ExternalIdentifier: "1"},
	})
	if err == nil {
		run, err = service.Start(t.Context(), run.ID, instances.StartParams{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return run.ID
}

// watching runs a test in virtual time, with a service on a fake.
func watching(t *testing.T, test func(t *testing.T, fake *prefactortest.Fake, service *instances.Service)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		fake := prefactortest.New(prefactortest.WithT(t))
		pipe := fake.Pipe()
		defer pipe.Close()
		rt, err := transport.NewStack(authorized()).RoundTripper(pipe.Transport())
		if err != nil {
			t.Fatal(err)
		}
		client, err := transport.NewClient(pipe.URL, rt)
		if err != nil {
			t.Fatal(err)
		}
		test(t, fake, instances.New(client))
	})
}

func TestWatchReturnsTheInstanceWhenItHasEnded(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		end  func(context.Context, *prefactortest.Fake, *instances.Service, string) error
		want instances.Status
	}{
		"terminated": {func(_ context.Context, fake *prefactortest.Fake, _ *instances.Service, id string) error {
			fake.Terminate(id, "over budget")
			return nil
		}, instances.Terminated},
		"finished": {func(ctx context.Context, _ *prefactortest.Fake, s *instances.Service, id string) error {
			_, err := s.Finish(ctx, id, instances.FinishParams{Status: instances.Failed})
			return err
		}, instances.Failed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			watching(t, func(t *testing.T, fake *prefactortest.Fake, service *instances.Service) {
				id := running(t, service)
				began := time.Now()
				time.AfterFunc(25*time.Second, func() {
					if err := tt.end(t.Context(), fake, service, id); err != nil {
						t.Error(err)
					}
				})
				run, err := service.Watch(t.Context(), id, 10*time.Second)
				if err != nil || run.Status != tt.want {
					t.Errorf("%+v, %v; want it %s", run, err, tt.want)
				}
				if took := time.Since(began); took != 30*time.Second {
					t.Errorf("after %s, want 30s: at once, then every 10s", took)
				}
			})
		})
	}
}

func TestWatchGoesOnWhereTimeMayMendAFailure(t *testing.T) {
	t.Parallel()
	on := prefactortest.On("agent_instances.get")
	tests := map[string]struct {
		fault prefactortest.Fault
		want  time.Duration // until the second question
	}{
		"an outage":                         {on.Reply(503), 10 * time.Second},
		"a reset":                           {on.ResetBefore().Times(2), 10 * time.Second},
		"a page of a proxy":                 {on.HTML(200), 10 * time.Second},
		"a Retry-After that is longer":      {on.Reply(429).RetryAfter(time.Minute), time.Minute},
		"a Retry-After that is shorter":     {on.Reply(429).RetryAfter(time.Second), 10 * time.Second},
		"a body that breaks off in the end": {on.CutBody(20), 10 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			watching(t, func(t *testing.T, fake *prefactortest.Fake, service *instances.Service) {
				id := running(t, service)
				fake.Terminate(id, "")
				fake.Inject(tt.fault)
				began := time.Now()
				if run, err := service.Watch(t.Context(), id, 10*time.Second); err != nil || run.Status != instances.Terminated {
					t.Errorf("%+v, %v; want it terminated", run, err)
				}
				if took := time.Since(began); took != tt.want {
					t.Errorf("after %s, want %s", took, tt.want)
				}
			})
		})
	}
}

func TestWatchEndsWhereItIsVainToAskAgain(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		every time.Duration
		id    string
		fault int
		want  error
	}{
		"no such instance":      {every: time.Second, id: "unknown", want: errs.ErrNotFound},
		"not the token's":       {every: time.Second, id: "x", fault: 401, want: errs.ErrAuth},
		"an id that can't be":   {every: time.Second, id: "..", want: errs.ErrClient},
		"no time between":       {every: 0, id: "x", want: errs.ErrClient},
		"a negative time":       {every: -time.Second, id: "x", want: errs.ErrClient},
		"an id that is refused": {every: time.Second, id: "x", fault: 422, want: errs.ErrValidation},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			watching(t, func(t *testing.T, fake *prefactortest.Fake, service *instances.Service) {
				if tt.fault != 0 {
					fake.Inject(prefactortest.On("agent_instances.get").Reply(tt.fault))
				}
				_, err := service.Watch(t.Context(), tt.id, tt.every)
				failure, ok := errors.AsType[*errs.Error](err)
				if !errors.Is(err, tt.want) || !ok || failure.Operation != "agent_instances.get" {
					t.Errorf("%v, want %v of a get", err, tt.want)
				}
			})
		})
	}
}

func TestWatchEndsAtOnceWithItsContext(t *testing.T) {
	t.Parallel()
	watching(t, func(t *testing.T, fake *prefactortest.Fake, service *instances.Service) {
		id := running(t, service)
		fake.Inject(prefactortest.On("agent_instances.get").Always().Reply(503))
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		began := time.Now()
		_, err := service.Watch(ctx, id, 10*time.Second)
		canceled, ok := errors.AsType[*errs.CanceledError](err)
		if !ok || !errors.Is(err, context.DeadlineExceeded) || canceled.Last == nil {
			t.Errorf("%v, want a CanceledError with the last failure", err)
		}
		if took := time.Since(began); took != 25*time.Second {
			t.Errorf("after %s, want 25s", took)
		}
	})
}
