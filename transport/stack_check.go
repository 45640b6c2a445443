package transport

import (
	"errors"
	"net/http"
	"slices"
)

// check returns every mistake in the stack and its base, joined.
func (s Stack) check(base http.RoundTripper) error {
	mistakes := slices.Clip(s.mistakes) // a stack is shared
	if known, ok := base.(*http.Transport); base == nil || ok && known == nil {
		mistakes = append(mistakes, mistake("has no base: give it middleware.NewBase(cfg) or http.DefaultTransport"))
	}
	mistakes = append(mistakes, s.checkLayers()...)
	mistakes = append(mistakes, s.checkScopes()...)
	mistakes = append(mistakes, s.checkInside()...)
	if inner, ok := As[*built](base); ok && inner.retries {
		if at := s.index(func(e entry) bool { return e.scope == Retries }); at >= 0 {
			mistakes = append(mistakes, mistake("has the layer %q, which retries, on a base that does so too: their attempts would multiply", s.entries[at].name))
		}
	}
	return errors.Join(mistakes...)
}

// checkLayers finds what is wrong with each layer by itself.
func (s Stack) checkLayers() []error {
	var mistakes []error
	seen := make(map[string]bool)
	for i, e := range s.entries {
		switch {
		case e.refusal != nil:
			mistakes = append(mistakes, e.refusal)
		case e.wrap == nil:
			mistakes = append(mistakes, mistake("layer %d (%q) is nil: make it with NewLayer or NewLayerFunc", i+1, e.name))
		case e.name == "":
			mistakes = append(mistakes, mistake("layer %d has no name: give it one that no other layer has", i+1))
		case seen[e.name]:
			mistakes = append(mistakes, mistake("has two layers %q: rename one, or take one out with Without", e.name))
		}
		seen[e.name] = true
	}
	return mistakes
}

// checkScopes finds layers that stand where their scope doesn't allow it.
func (s Stack) checkScopes() []error {
	var mistakes []error
	outermost := s.index(func(e entry) bool { return e.scope.repeats() })
	retry := s.index(func(e entry) bool { return e.scope == Retries })
	for i, e := range s.entries {
		switch {
		case e.scope == Retries && i != retry:
			mistakes = append(mistakes, mistake("has two layers that retry, %q and %q: their attempts would multiply; take one out with Without",
				s.entries[retry].name, e.name))
		case e.slot == slotPerCall && e.scope == PerAttempt:
			mistakes = append(mistakes, mistake("layer %q acts once an attempt: add it with PerAttempt or Wire, not with PerCall", e.name))
		case (e.slot == slotPerAttempt || e.slot == slotWire) && e.scope == PerCall:
			mistakes = append(mistakes, mistake("layer %q acts once a call: add it with PerCall, not inside %s", e.name, s.repeater(outermost)))
		case outermost >= 0 && e.scope == PerCall && i > outermost:
			mistakes = append(mistakes, mistake("layer %q acts once a call, but stands inside %q, which repeats: move it outside with Before(%q, …)",
				e.name, s.entries[outermost].name, s.entries[outermost].name))
		case outermost >= 0 && e.scope == PerAttempt && i < outermost:
			mistakes = append(mistakes, mistake("layer %q acts once an attempt, but stands outside %q, which repeats: move it inside with After(%q, …)",
				e.name, s.entries[outermost].name, s.entries[outermost].name))
		}
	}
	return mistakes
}

// repeater names the outermost layer that repeats.
func (s Stack) repeater(at int) string {
	if at < 0 {
		return "the layers of an attempt"
	}
	return `"` + s.entries[at].name + `"`
}

// checkInside finds layers that stand outside of one that must be outside of
// them.
func (s Stack) checkInside() []error {
	var mistakes []error
	for i, e := range s.entries {
		for _, name := range e.inside {
			if at := s.index(func(other entry) bool { return other.name == name }); at > i {
				mistakes = append(mistakes, mistake("layer %q stands outside %q, and must stand inside it: change the place of one of them", e.name, name))
			}
		}
	}
	return mistakes
}
