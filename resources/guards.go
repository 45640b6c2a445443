package resources

import (
	"context"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// guards holds the guards of one client, by instance.
type guards struct {
	controls middleware.Controls // those read so far, for guards that are added later
	added    atomic.Uint64

	mu     sync.Mutex
	active map[string][]*guard
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
		client.OnAnswer(g.listen)
		runtime.AddCleanup(client, func(key weak.Pointer[transport.Client]) { byClient.Delete(key) }, key)
	}
	return g
}

// add begins to guard, until the guard's context ends.
func (g *guards) add(one *guard) {
	g.mu.Lock()
	if g.active == nil {
		g.active = make(map[string][]*guard)
	}
	g.active[one.id] = append(g.active[one.id], one)
	g.mu.Unlock()

	one.timer = time.AfterFunc(math.MaxInt64, one.read)
	one.timer.Reset(g.first(one.every))
	context.AfterFunc(one.work, func() {
		one.timer.Stop()
		g.remove(one)
	})
	if control, ok := g.controls.Of(one.id); ok {
		one.terminate(control)
	}
}

// first returns when the next guard first reads: multiples of the golden ratio, of
// which only the fractions count, are spread evenly, however many there are.
func (g *guards) first(every time.Duration) time.Duration {
	_, fraction := math.Modf(float64(g.added.Add(1)) * math.Phi)
	return time.Duration(fraction * float64(every))
}

func (g *guards) remove(one *guard) {
	g.mu.Lock()
	defer g.mu.Unlock()
	left := slices.DeleteFunc(g.active[one.id], func(other *guard) bool { return other == one })
	if g.active[one.id] = left; len(left) == 0 {
		delete(g.active, one.id)
	}
}

// of returns the guards of an instance.
func (g *guards) of(instanceID string) []*guard {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.active[instanceID])
}

// idle reports whether there are no guards.
func (g *guards) idle() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.active) == 0
}

// listen ends the guards of the runs that an answer asks to stop. For the other runs
// that a write is about, its answer replaces a read.
func (g *guards) listen(_ context.Context, answer *transport.Answer) {
	if span, ok := answer.Model().(*spans.Span); ok && span.Control == nil {
		if op := answer.Operation(); op == "agent_spans.create" || op == "agent_spans.finish" {
			g.heard(span.AgentInstanceID)
		}
		return
	}
	for _, control := range g.controls.Read(answer.Document()) {
		for _, one := range g.of(control.InstanceID) {
			one.terminate(control)
		}
	}
	if answer.Operation() == "bulk.execute" && !g.idle() {
		for _, id := range instancesIn(answer.Document()) {
			g.heard(id)
		}
	}
}

// heard notes that a write of a run was answered.
func (g *guards) heard(instanceID string) {
	for _, one := range g.of(instanceID) {
		one.heard.Store(new(time.Now()))
	}
}

// instancesIn returns the instances of the spans in a bulk response.
func instancesIn(document jsontext.Value) (ids []string) {
	var bulk struct {
		Outputs map[string]struct {
			Details struct {
				Type       string `json:"type"`
				InstanceID string `json:"agent_instance_id"`
			} `json:"details"`
		} `json:"outputs"`
	}
	_ = json.Unmarshal(document, &bulk, rawjson.Lenient) // the outputs before one of another form count
	for _, output := range bulk.Outputs {
		if output.Details.Type == "agent_span" && !slices.Contains(ids, output.Details.InstanceID) {
			ids = append(ids, output.Details.InstanceID)
		}
	}
	return ids
}
