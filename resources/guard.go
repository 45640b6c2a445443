package resources

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/internal/poll"
)

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

// guardInterval is how often a guard reads its instance, unless an option says so.
const guardInterval = 30 * time.Second

// GuardOption changes a guard.
type GuardOption func(*guard)

// GuardEvery sets how long a run may be silent before its guard reads the instance,
// and how long the guard waits between reads. The default is 30 seconds. An interval
// that isn't positive is the default.
func GuardEvery(interval time.Duration) GuardOption {
	return func(g *guard) {
		if interval > 0 {
			g.every = interval
		}
	}
}

// GuardReport calls fn if the API refuses a read of the instance, as it does for a
// token that may not read instances and for an id that it doesn't know. The guard
// doesn't read it again then, and ends only with the response to a write. Without this
// option, or with a nil fn, that is logged by [slog.Default] as a warning.
func GuardReport(fn func(error)) GuardOption {
	return func(g *guard) {
		if fn != nil {
			g.report = fn
		}
	}
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
//   - A read of the instance, when none of its writes was answered for an interval, so
//     that a run that writes nothing stops, too. The reads of several guards are spread
//     over the interval. If the API refuses a read, only the first way is left; see
//     [GuardReport].
//
// An instance that finishes by itself doesn't end the context, and a late response
// for another instance never does. Use ctx for calls after the end, such as those
// that finish the open spans as failed.
//
// A guard has no goroutine while it waits. If instanceID can't be an instance's id,
// the context ends with a cause that matches [errs.ErrClient]. If ctx is nil, or
// neither [New] nor [Open] made the API, it has ended so already.
func (a *API) Guard(ctx context.Context, instanceID string, options ...GuardOption) (work context.Context, stop context.CancelFunc) {
	if mistake := a.checkGuard(ctx, instanceID, options); mistake != nil {
		work, end := context.WithCancelCause(context.Background())
		end(mistake)
		return work, func() {}
	}
	work, end := context.WithCancelCause(ctx)
	g := &guard{instances: a.Instances, id: instanceID, work: work, end: end, every: guardInterval}
	g.report = g.warn
	for _, set := range options {
		set(g)
	}
	a.guards.add(g)
	return work, func() { end(nil) }
}

// checkGuard finds what no guard can be made with.
func (a *API) checkGuard(ctx context.Context, instanceID string, options []GuardOption) error {
	switch {
	case a == nil || a.guards == nil:
		return &errs.ClientError{Field: "API", Problem: "is nil or empty: make it with resources.New or resources.Open"}
	case ctx == nil:
		return &errs.ClientError{Field: "context", Problem: "is nil: give the run's context, or context.Background()"}
	case instanceID == "":
		return &errs.ClientError{Field: "instance id", Problem: "is empty: give that of the run"}
	}
	for _, set := range options {
		if set == nil {
			return &errs.ClientError{Field: "guard option", Problem: "is nil: leave it out"}
		}
	}
	return nil
}

// guard is one context that ends with its instance.
type guard struct {
	instances *instances.Service
	id        string
	work      context.Context
	end       context.CancelCauseFunc
	every     time.Duration
	report    func(error)

	timer *time.Timer               // of the next read
	heard atomic.Pointer[time.Time] // when a write was last answered, which would have said that the run is terminated
}

// read reads the instance, unless a write was answered meanwhile, and sets the timer
// for the next read.
func (g *guard) read() {
	if heard := g.heard.Load(); heard != nil {
		if rest := g.every - time.Since(*heard); rest > 0 {
			g.timer.Reset(rest)
			return
		}
	}
	instance, err := g.instances.Get(g.work, g.id)
	wait, again := poll.Next(err, g.every)
	switch {
	case g.work.Err() != nil:
	case errs.KindOf(err) == errs.KindClient:
		g.end(err)
	case !again:
		g.report(err)
	case err == nil && instance.Status == instances.Terminated:
		g.end(&TerminatedError{InstanceID: g.id, Reason: instance.TerminationReason})
	case err == nil && instance.Status.Ended():
	default:
		g.timer.Reset(wait)
	}
}

// warn is the default of GuardReport.
func (g *guard) warn(err error) {
	slog.WarnContext(g.work, "prefactor: a guard can't read its instance: it ends only with the response to a write",
		"instance", g.id, "error", err)
}

// terminate ends the guard as the server asks.
func (g *guard) terminate(control middleware.Control) {
	g.end(&TerminatedError{InstanceID: control.InstanceID, Reason: control.Reason})
}
