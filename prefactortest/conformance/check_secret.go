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
		s := ship(tt.ctx)
		s.URL.RawQuery = "token=" + secret
		s.Header.Set("Authorization", "Bearer "+secret)
		s.Header.Set("Cookie", "session="+secret)
		s.Header.Set("X-Api-Key", secret)
		l := tr.send(s)
		tr.end()
		if err := l.failure(); err != nil && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), secret) {
			w.broken(ruleSecret, "an error of %T shows a header or the query", err)
		}
	}
}
