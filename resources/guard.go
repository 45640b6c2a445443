package resources

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/transport"
)

// guardInterval is how often a guard asks for its instance.
const guardInterval = 30 * time.Second

// TerminatedError is the cause with which a context of [API.Guard] ends when
// the run was ended from outside. It is also in the error of every call that
// this context ends.
type TerminatedError struct {
	InstanceID string // the run
	Reason     string // why; may be empty
}

func (e *TerminatedError) Error() string {
	text := "instance " + e.InstanceID + " was terminated"
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// Guard returns a context for the work of one run: it is made from ctx and ends
// with a [TerminatedError] as its cause when the instance is ended from outside.
// Stop ends the guard, and the context with it; call it when the run is over.
//
//	work, stop := api.Guard(ctx, run.ID)
//	defer stop()
//	err := agent.Run(work)
//	if terminated, ok := errors.AsType[*resources.TerminatedError](context.Cause(work)); ok {
//		log.Printf("stopped from outside: %s", terminated.Reason)
//	}
//
// There are two ways to learn of the end. The fast one: the answers to this
// API's span writes, as soon as the first comes that tells it; the write itself
// still succeeds. The slow one: the instance is asked for, at once and then
// every 30 seconds, so that a run that writes nothing stops too; if that is
// refused, as to a token that mustn't read instances, the fast way remains. An
// instance that ends by itself ends no context.
//
// A guard hears of its own instance only: an answer of an earlier run that comes
// late ends nothing but that run's context. What is to be sent after the end,
// such as the failure of the spans that are open, is sent with ctx.
//
// A guard has one goroutine, until stop is called or ctx ends. An instanceID
// that can't be one ends the context at once, with an [errs.ClientError].
func (a *API) Guard(ctx context.Context, instanceID string) (work context.Context, stop context.CancelFunc) {
	work, end := context.WithCancelCause(ctx)
	g := &guard{end: end}
	a.guards.add(instanceID, g)
	go func() {
		defer a.guards.remove(instanceID, g)
		a.watch(work, instanceID, end)
		<-work.Done()
	}()
	return work, func() { end(nil) }
}

// watch ends a guard the slow way.
func (a *API) watch(ctx context.Context, instanceID string, end context.CancelCauseFunc) {
	instance, err := a.Instances.Watch(ctx, instanceID, guardInterval)
	switch {
	case errors.Is(err, errs.ErrClient) && !errors.Is(err, errs.ErrAuth):
		end(err)
	case err == nil && instance.Status == instances.Terminated:
		end(&TerminatedError{InstanceID: instanceID, Reason: instance.TerminationReason})
	}
}

// guard is one context that ends with its instance.
type guard struct{ end context.CancelCauseFunc }

// guards holds the guards of one API, by instance.
type guards struct {
	mu     sync.Mutex
	active map[string]map[*guard]bool
	told   map[string]*TerminatedError // what was heard, for guards that come later
}

// maxTold is how many terminations are remembered.
const maxTold = 1024

// listen returns a client that sends as client does, and tells the guards what
// its answers say.
func (g *guards) listen(client *transport.Client) *transport.Client {
	listening, err := client.With(middleware.OnControl(g.terminate))
	if err != nil {
		panic(err) // a layer that acts once a call can stand outside of anything
	}
	return listening
}

func (g *guards) add(instanceID string, one *guard) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if terminated, ok := g.told[instanceID]; ok {
		one.end(terminated)
	}
	if g.active == nil {
		g.active = make(map[string]map[*guard]bool)
	}
	if g.active[instanceID] == nil {
		g.active[instanceID] = make(map[*guard]bool)
	}
	g.active[instanceID][one] = true
}

func (g *guards) remove(instanceID string, one *guard) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.active[instanceID], one)
	if len(g.active[instanceID]) == 0 {
		delete(g.active, instanceID)
	}
}

// terminate ends the guards of an instance.
func (g *guards) terminate(_ context.Context, c middleware.Control) {
	terminated := &TerminatedError{InstanceID: c.InstanceID, Reason: c.Reason}
	g.mu.Lock()
	if g.told == nil || len(g.told) >= maxTold {
		g.told = make(map[string]*TerminatedError)
	}
	g.told[c.InstanceID] = terminated
	ending := slices.Collect(maps.Keys(g.active[c.InstanceID]))
	g.mu.Unlock()
	for _, one := range ending {
		one.end(terminated)
	}
}
