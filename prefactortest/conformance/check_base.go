package conformance

import (
	"net/http"

	"github.com/prefactordev/prefactor-go/transport"
)

func (w *workbench) checkIdle() {
	p, rt := w.whole()
	if transport.CloseIdleConnections(rt); p.closed() == 0 {
		w.broken(ruleIdle, "the base wasn't called")
	}
}

func (w *workbench) checkUnwrap() {
	p, rt := w.whole()
	if found, ok := transport.As[*probe](rt); !ok || found != p {
		w.broken(ruleUnwrap, "the layer's Unwrap doesn't lead to it")
	}
}

// whole builds a stack of the layer, which adds Unwrap and CloseIdleConnections
// where the layer lacks them.
func (w *workbench) whole() (*probe, http.RoundTripper) {
	p := &probe{script: succeed}
	rt, err := transport.NewStack(w.layer).RoundTripper(p)
	if err != nil {
		panic(err) // TestLayer has built it before
	}
	return p, rt
}
