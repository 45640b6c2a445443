package resources

import (
	"context"
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
		text += ": " + errs.Words(e.Reason)
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
// The end is learned in two ways. The fast one is the first response to one of
// this API's writes that says so; the write itself still succeeds. The slow one is
// to read the instance, at once and then every 30 seconds, so that a run that
// writes nothing stops, too; if that is refused, as for a token that may not read
// instances, the fast way remains. An instance that ends by itself ends no
// context.
//
// A late response for another instance never ends this context. Send what is to
// be sent after the end, such as the failure of open spans, with ctx.
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
	case errs.KindOf(err) == errs.KindClient:
		end(err)
	case err == nil && instance.Status == instances.Terminated:
		end(&TerminatedError{InstanceID: instanceID, Reason: instance.TerminationReason})
	}
}

// guard is one context that ends with its instance.
type guard struct{ end context.CancelCauseFunc }

// guards holds the guards of one API, by instance.
type guards struct {
	controls middleware.Controls // read so far, also for guards that come later

	mu     sync.Mutex
	active map[string]map[*guard]bool
}

// read ends the guards of the runs that an answer asks to stop.
func (g *guards) read(_ context.Context, answer *transport.Answer) {
	for _, control := range g.controls.Read(answer.Document()) {
		g.terminate(control)
	}
}

func (g *guards) add(instanceID string, one *guard) {
	g.mu.Lock()
	if g.active == nil {
		g.active = make(map[string]map[*guard]bool)
	}
	if g.active[instanceID] == nil {
		g.active[instanceID] = make(map[*guard]bool)
	}
	g.active[instanceID][one] = true
	g.mu.Unlock()
	if control, ok := g.controls.Of(instanceID); ok {
		one.end(terminated(control))
	}
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
func (g *guards) terminate(control middleware.Control) {
	g.mu.Lock()
	ending := slices.Collect(maps.Keys(g.active[control.InstanceID]))
	g.mu.Unlock()
	for _, one := range ending {
		one.end(terminated(control))
	}
}

func terminated(control middleware.Control) *TerminatedError {
	return &TerminatedError{InstanceID: control.InstanceID, Reason: control.Reason}
}
