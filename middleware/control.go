package middleware

import (
	"bytes"
	"context"
	"net/http"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// Control is the server's word to a run that it should end now.
type Control struct {
	InstanceID string // the run
	Reason     string // why; may be empty
}

// OnControl returns the layer "control", which calls fn when the answer to a span
// write carries the server's word that a run should end: the member control,
// with terminate true, beside a span's details, on its own or in a bulk answer's
// outputs. A control that isn't an object means nothing.
//
// Fn is called once an instance, with the context of the call that learned of
// it, before that call returns: it must be quick, and usually ends the run's
// context. For different instances it may be called concurrently. Of instances
// the last 1024 are remembered. The answer itself goes on as it came.
//
// It costs no allocation where there is no control.
//
// Position: once a call.
func OnControl(fn func(ctx context.Context, c Control)) transport.Layer {
	if fn == nil {
		return transport.RefusedLayer("control", transport.PerCall,
			&errs.ClientError{Field: "control", Problem: "function is nil: give OnControl a function that ends the run"})
	}
	var told toldControls
	return transport.NewLayerFunc("control", transport.PerCall, func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		ctx := req.Context()
		resp, err := transport.Send(next, req)
		if err != nil {
			return nil, err
		}
		for _, c := range controls(transport.Read(req, resp)) {
			if told.first(c.InstanceID) {
				fn(ctx, c)
			}
		}
		return resp, nil
	})
}

// controlled is the part of a document that may carry a control.
type controlled struct {
	Details jsontext.Value `json:"details"`
	Control jsontext.Value `json:"control"`
}

// controls returns the controls in an answer that ask for a run's end.
func controls(answer *transport.Answer) []Control {
	document := answer.Document()
	if answer.Status() >= 300 || !bytes.Contains(document, []byte(`"control"`)) {
		return nil
	}
	var found struct {
		controlled
		Outputs jsontext.Value `json:"outputs"`
	}
	if json.Unmarshal(document, &found, transport.Lenient) != nil {
		return nil
	}
	var all []Control
	if c, ok := found.terminate(); ok {
		all = append(all, c)
	}
	var outputs map[string]jsontext.Value
	if found.Outputs.Kind() == '{' && json.Unmarshal(found.Outputs, &outputs, transport.Lenient) == nil {
		for _, document := range outputs {
			var output controlled
			if transport.Object(document).Decode(&output) != nil {
				continue
			}
			if c, ok := output.terminate(); ok {
				all = append(all, c)
			}
		}
	}
	return all
}

// terminate returns the control, if it asks for the end of a run that can be
// told.
func (c controlled) terminate() (Control, bool) {
	var control struct {
		Terminate jsontext.Value `json:"terminate"`
		Reason    jsontext.Value `json:"reason"`
	}
	if transport.Object(c.Control).Decode(&control) != nil || control.Terminate.Kind() != 't' {
		return Control{}, false
	}
	var span struct {
		InstanceID string `json:"agent_instance_id"`
	}
	if transport.Object(c.Details).Decode(&span) != nil || span.InstanceID == "" {
		return Control{}, false
	}
	found := Control{InstanceID: span.InstanceID}
	if control.Reason.Kind() == '"' {
		reason, _ := jsontext.AppendUnquote(nil, control.Reason)
		found.Reason = string(reason)
	}
	return found, true
}

// toldControls remembers the instances that were told of.
type toldControls struct {
	mu     sync.Mutex
	ids    map[string]bool
	recent []string // the same, as a ring
	oldest int      // where the next goes in, once the ring is full
}

// maxTold is how many instances are remembered.
const maxTold = 1024

// first reports whether id is new, and remembers it.
func (t *toldControls) first(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ids[id] {
		return false
	}
	if t.ids == nil {
		t.ids = make(map[string]bool)
	}
	t.ids[id] = true
	if len(t.recent) < maxTold {
		t.recent = append(t.recent, id)
		return true
	}
	delete(t.ids, t.recent[t.oldest])
	t.recent[t.oldest] = id
	t.oldest = (t.oldest + 1) % maxTold
	return true
}
