package conformance

import (
	"context"
	"fmt"
	"strings"
)

// checkSecret sends requests that carry secrets, and makes them fail.
func (w *workbench) checkSecret() {
	const secret = "canary-in-the-coal-mine"
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tt := range []struct {
		script answerer
		ctx    context.Context
	}{
		{breakOff, context.Background()},
		{always(503), context.Background()},
		{always(401), context.Background()},
		{succeed, ended},
	} {
		tr := w.on(&probe{script: tt.script})
		req := ship(tt.ctx)
		req.URL.RawQuery = "token=" + secret
		req.Header.Set("Authorization", "Bearer "+secret)
		req.Header.Set("Cookie", "session="+secret)
		req.Header.Set("X-Api-Key", secret)
		l := tr.send(req)
		tr.end("a request with secrets")
		if err := l.failure(); err != nil && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), secret) {
			w.broken(ruleSecret, "an error of %T shows a header or the query", err)
		}
	}
}
