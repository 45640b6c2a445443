package transport

import (
	"errors"
	"net/http"
	"slices"
)

// check returns every fault of the stack and its base, joined.
func (s Stack) check(base http.RoundTripper) error {
	faults := slices.Clip(s.faults) // a stack is shared
	if base == nil {
		faults = append(faults, fault("has no base: give it NewBase(cfg) or http.DefaultTransport"))
	}
	faults = append(faults, s.checkLayers()...)
	faults = append(faults, s.checkOrder()...)
	if inner, ok := As[*built](base); ok && inner.retries {
		if at := s.index(func(e entry) bool { return e.retrying }); at >= 0 {
			faults = append(faults, fault("has the layer %q, which retries, on a base that does so too: their attempts would multiply", s.entries[at].name))
		}
	}
	return errors.Join(faults...)
}

// checkLayers finds what is wrong with each layer by itself.
func (s Stack) checkLayers() []error {
	var faults []error
	seen := make(map[string]bool)
	for i, e := range s.entries {
		switch {
		case e.refusal != nil:
			faults = append(faults, e.refusal)
		case e.wrap == nil:
			faults = append(faults, fault("layer %d (%q) is nil: make it with NewLayer or NewLayerFunc", i+1, e.name))
		case e.name == "":
			faults = append(faults, fault("layer %d has no name: give it one that no other layer has", i+1))
		case seen[e.name]:
			faults = append(faults, fault("has two layers %q: rename one, or take one out with Without", e.name))
		}
		seen[e.name] = true
	}
	return faults
}

// checkOrder finds layers that stand where their scope doesn't allow it.
func (s Stack) checkOrder() []error {
	var faults []error
	outermost := s.index(func(e entry) bool { return e.repeating })
	retry := s.index(func(e entry) bool { return e.retrying })
	for i, e := range s.entries {
		switch {
		case e.retrying && i != retry:
			faults = append(faults, fault("has two layers that retry, %q and %q: their attempts would multiply; take one out with Without",
				s.entries[retry].name, e.name))
		case e.slot == slotPerCall && e.scope == PerAttempt:
			faults = append(faults, fault("layer %q acts once an attempt: add it with PerAttempt or Wire, not with PerCall", e.name))
		case (e.slot == slotPerAttempt || e.slot == slotWire) && e.scope == PerCall:
			faults = append(faults, fault("layer %q acts once a call: add it with PerCall, not inside %s", e.name, s.repeater(outermost)))
		case outermost >= 0 && e.scope == PerCall && i > outermost:
			faults = append(faults, fault("layer %q acts once a call, but stands inside %q, which repeats: move it outside with Before(%q, …)",
				e.name, s.entries[outermost].name, s.entries[outermost].name))
		case outermost >= 0 && e.scope == PerAttempt && i < outermost:
			faults = append(faults, fault("layer %q acts once an attempt, but stands outside %q, which repeats: move it inside with After(%q, …)",
				e.name, s.entries[outermost].name, s.entries[outermost].name))
		}
	}
	return faults
}

// repeater names the outermost layer that repeats.
func (s Stack) repeater(at int) string {
	if at < 0 {
		return "the layers of an attempt"
	}
	return `"` + s.entries[at].name + `"`
}
