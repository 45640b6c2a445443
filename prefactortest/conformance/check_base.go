package conformance

import (
	"github.com/prefactordev/prefactor-go/transport"
)

func (w *workbench) checkIdle() {
	p := &probe{script: succeed}
	tr := w.on(p)
	closer, ok := tr.rt.(interface{ CloseIdleConnections() })
	if !ok {
		w.broken(ruleIdle, "%T doesn't have the method", tr.rt)
		return
	}
	if closer.CloseIdleConnections(); p.idle != 1 {
		w.broken(ruleIdle, "the base was called %d times", p.idle)
	}
}

func (w *workbench) checkUnwrap() {
	p := &probe{script: succeed}
	tr := w.on(p)
	if found, ok := transport.As[*probe](tr.rt); !ok || found != p {
		w.broken(ruleUnwrap, "%T has no Unwrap that leads to it", tr.rt)
	}
}
