package resources

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"weak"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

// guardInterval is how often a guard reads its instance.
const guardInterval = 30 * time.Second

// TerminatedError is the cause of a context of [API.Guard] that ended because the
// run was terminated from outside. The error of every call that this context ends
// wraps it, too.
type TerminatedError struct {
	InstanceID string // the run
	Reason     string // why; may be empty
}

func (e *TerminatedError) Error() string {
	text := strings.TrimSpace("instance "+e.InstanceID) + " was terminated"
	if e.Reason != "" {
		text += ": " + errs.Words(e.Reason)
	}
	return text
}

// Guard returns a context for the work of one run. It is derived from ctx, and
// ends with a [TerminatedError] as its cause when the instance is terminated from
// outside. stop ends the guard and the context; call it when the run is over.
//
//	work, stop := api.Guard(ctx, run.ID)
//	defer stop()
//	err := agent.Run(work)
//	if terminated, ok := errors.AsType[*resources.TerminatedError](context.Cause(work)); ok {
//		log.Printf("stopped from outside: %s", terminated.Reason)
//	}
//
// A guard learns of the termination in two ways:
//
//   - The first response to one of this API's writes that reports it. The write
//     itself still succeeds.
//   - A read of the instance, at once and then every 30 seconds, so that a run that
//     writes nothing stops, too. If the API refuses the read, as it does for a
//     token that may not read instances, only the first way is left.
//
// An instance that finishes by itself doesn't end the context, and a late response
// for another instance never does. Use ctx for calls after the end, such as those
// that finish the open spans as failed.
//
// A guard has one goroutine, until its context ends. If instanceID can't be an
// instance's id, the context ends soon, with a cause that matches [errs.ErrClient].
// If ctx is nil, or neither [New] nor [Open] made the API, it has ended so already.
func (a *API) Guard(ctx context.Context, instanceID string) (work context.Context, stop context.CancelFunc) {
	if mistake := a.checkGuard(ctx); mistake != nil {
		work, end := context.WithCancelCause(context.Background())
		end(mistake)
		return work, func() {}
	}
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

// checkGuard finds what no guard can be made with.
func (a *API) checkGuard(ctx context.Context) error {
	switch {
	case a == nil || a.guards == nil:
		return &errs.ClientError{Field: "API", Problem: "is nil or empty: make it with resources.New or resources.Open"}
	case ctx == nil:
		return &errs.ClientError{Field: "context", Problem: "is nil: give the run's context, or context.Background()"}
	}
	return nil
}

// watch reads the instance until it has ended, and ends the guard if it was
// terminated.
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

// guards holds the guards of one client, by instance.
type guards struct {
	controls middleware.Controls // those read so far, for guards that are added later

	mu     sync.Mutex
	active map[string]map[*guard]bool
}

// byClient has the guards of each client, so that an API can be made often and is
// listened for once. An entry goes with its client.
var byClient sync.Map // of weak.Pointer[transport.Client] to *guards

// guardsOf returns the guards of a client, which read its responses.
func guardsOf(client *transport.Client) *guards {
	if client == nil {
		return new(guards)
	}
	key := weak.Make(client)
	found, known := byClient.LoadOrStore(key, new(guards))
	g := found.(*guards)
	if !known {
		client.OnAnswer(g.read)
		runtime.AddCleanup(client, func(key weak.Pointer[transport.Client]) { byClient.Delete(key) }, key)
	}
	return g
}

// read ends the guards of the runs that answer asks to stop.
func (g *guards) read(_ context.Context, answer *transport.Answer) {
	switch model := answer.Model().(type) {
	case *instances.Instance: // has none
		return
	case *spans.Span:
		if model.Control == nil {
			return
		}
	}
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
