package transport

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/prefactordev/prefactor-go/errs"
)

// Stack is a list of layers, the outermost first. It is an immutable value:
// every edit returns a new one. A mistake in an edit is remembered and reported
// with all others when the stack is built.
type Stack struct {
	entries  []entry
	mistakes []error
}

// entry is a layer and the position that it was put in.
type entry struct {
	Layer
	slot slot
}

// slot is a position of user layers.
type slot int

const (
	slotNone       slot = iota // where the stack's maker put it
	slotPerCall                // just outside the layers that repeat
	slotPerAttempt             // just inside retry
	slotWire                   // next to the base
)

// NewStack returns a stack of the given layers, the outermost first.
func NewStack(layers ...Layer) Stack {
	return Stack{}.insert(0, slotNone, layers)
}

// PerCall returns the stack with layers just outside retry: they act once a
// call and see its final outcome. Without a layer that repeats, they stand outside
// the first layer that acts on attempts. Layers added before stay outside the new
// ones.
func (s Stack) PerCall(layers ...Layer) Stack {
	at := s.index(func(e entry) bool { return e.scope.repeats() })
	if at < 0 {
		at = s.index(func(e entry) bool { return e.scope == PerAttempt || e.slot == slotPerAttempt || e.slot == slotWire })
	}
	if at < 0 {
		at = len(s.entries)
	}
	return s.insert(at, slotPerCall, layers)
}

// PerAttempt returns the stack with layers just inside retry: they act on each
// attempt and see its outcome, but no token. Without a layer that repeats, they
// stand inside the last layer that acts once a call. Layers added before stay
// outside the new ones.
func (s Stack) PerAttempt(layers ...Layer) Stack {
	at := s.index(func(e entry) bool { return e.scope == Retries })
	if at < 0 {
		at = s.lastIndex(func(e entry) bool { return e.scope.repeats() })
	}
	if at < 0 {
		at = s.lastIndex(func(e entry) bool { return e.scope == PerCall || e.slot == slotPerCall })
	}
	at++
	for at < len(s.entries) && s.entries[at].slot == slotPerAttempt {
		at++
	}
	return s.insert(at, slotPerAttempt, layers)
}

// Wire returns the stack with layers next to the base: they act on each attempt
// and see what really goes out, the token included. Layers added before stay
// outside the new ones.
func (s Stack) Wire(layers ...Layer) Stack {
	return s.insert(len(s.entries), slotWire, layers)
}

// Before returns the stack with layers just outside the layer called name.
func (s Stack) Before(name string, layers ...Layer) Stack {
	at, err := s.find(name)
	if err != nil {
		return s.remember(err)
	}
	return s.insert(at, slotNone, layers)
}

// After returns the stack with layers just inside the layer called name.
func (s Stack) After(name string, layers ...Layer) Stack {
	at, err := s.find(name)
	if err != nil {
		return s.remember(err)
	}
	return s.insert(at+1, slotNone, layers)
}

// Replace returns the stack with layer in place of the one called name.
func (s Stack) Replace(name string, layer Layer) Stack {
	at, err := s.find(name)
	if err != nil {
		return s.remember(err)
	}
	s.entries = slices.Clone(s.entries)
	s.entries[at].Layer = layer
	return s
}

// Without returns the stack without the layers of these names.
func (s Stack) Without(names ...string) Stack {
	for _, name := range names {
		at, err := s.find(name)
		if err != nil {
			s = s.remember(err)
			continue
		}
		s.entries = slices.Delete(slices.Clone(s.entries), at, at+1)
	}
	return s
}

func (s Stack) insert(at int, slot slot, layers []Layer) Stack {
	entries := make([]entry, len(layers))
	for i, l := range layers {
		entries[i] = entry{l, slot}
	}
	s.entries = slices.Insert(slices.Clone(s.entries), at, entries...)
	return s
}

func (s Stack) index(match func(entry) bool) int { return slices.IndexFunc(s.entries, match) }

func (s Stack) lastIndex(match func(entry) bool) int {
	for i, e := range slices.Backward(s.entries) {
		if match(e) {
			return i
		}
	}
	return -1
}

func (s Stack) remember(err error) Stack {
	s.mistakes = append(slices.Clip(s.mistakes), err)
	return s
}

// find returns where the layer called name stands.
func (s Stack) find(name string) (int, error) {
	at := s.index(func(e entry) bool { return e.name == name })
	if at >= 0 {
		return at, nil
	}
	nearest, least := "", len(name)/2+1
	for _, e := range s.entries {
		if d := distance(name, e.name); d < least {
			nearest, least = e.name, d
		}
	}
	if nearest == "" {
		return 0, mistake("has no layer %q: it has %s", name, s.names())
	}
	return 0, mistake("has no layer %q: did you mean %q?", name, nearest)
}

func (s Stack) names() string {
	if len(s.entries) == 0 {
		return "none"
	}
	names := make([]string, len(s.entries))
	for i, e := range s.entries {
		names[i] = cmp.Or(e.name, "one without a name")
	}
	return strings.Join(names, ", ")
}

// distance is the Levenshtein distance between two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// mistake returns the error of a stack that is composed wrongly.
func mistake(format string, args ...any) error {
	return &errs.ClientError{Field: "stack", Problem: fmt.Sprintf(format, args...)}
}
