package middleware

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// Control is the server's request to stop a run.
type Control struct {
	InstanceID string // the run
	Reason     string // why; may be empty
}

// OnControl returns the layer "control", which calls fn when the response to a
// span write carries the server's request to stop a run: the member control,
// with terminate true, beside a span's details, in a document of its own or in
// the outputs of a bulk response.
//
// fn is called once for each instance, with the context of the call whose
// response carried the request, and before that call returns. It must be quick,
// and usually cancels the run's context. For different instances it may be
// called concurrently. The last 1024 instances are remembered. The response
// itself is passed on unchanged.
//
// It costs no allocation if there is no control.
//
// Position: once a call.
func OnControl(fn func(ctx context.Context, c Control)) transport.Layer {
	if fn == nil {
		return transport.RefusedLayer("control", transport.PerCall,
			&errs.ClientError{Field: "control", Problem: "function is nil: give OnControl a function that ends the run"})
	}
	var controls Controls
	return transport.NewLayerFunc("control", transport.PerCall, func(req *http.Request, next transport.Next) (*http.Response, error) {
		ctx := req.Context()
		resp, err := next(req)
		if err != nil || resp.StatusCode >= 300 {
			return resp, err
		}
		for _, c := range controls.Read(transport.Read(req, resp).Document()) {
			fn(ctx, c)
		}
		return resp, nil
	})
}

// Controls reads the controls in responses, and remembers those of the last
// 1024 instances. The zero value is ready to use. It is safe for concurrent
// use. The methods of a nil Controls panic.
type Controls struct {
	mu     sync.Mutex
	byRun  map[string]Control
	recent []string // the instances of byRun, as a ring
	oldest int      // index of the oldest, once the ring is full
}

// maxControls is how many instances are remembered.
const maxControls = 1024

// Read returns the controls in a response's document that ask to stop a run. It
// returns each instance only once.
func (c *Controls) Read(document jsontext.Value) []Control {
	c.check("Read")
	return slices.DeleteFunc(controlsIn(document), func(found Control) bool { return !c.add(found) })
}

// Of returns the control that was read for an instance.
func (c *Controls) Of(instanceID string) (control Control, ok bool) {
	c.check("Of")
	c.mu.Lock()
	defer c.mu.Unlock()
	control, ok = c.byRun[instanceID]
	return control, ok
}

func (c *Controls) check(method string) {
	if c == nil {
		panic("middleware.Controls." + method + ": the Controls are nil: call it on a variable of type middleware.Controls, or on new(middleware.Controls)")
	}
}

// add remembers a control, and reports whether its instance is new.
func (c *Controls) add(control Control) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := control.InstanceID
	if _, known := c.byRun[id]; known {
		return false
	}
	if c.byRun == nil {
		c.byRun = make(map[string]Control)
	}
	c.byRun[id] = control
	if len(c.recent) < maxControls {
		c.recent = append(c.recent, id)
		return true
	}
	delete(c.byRun, c.recent[c.oldest])
	c.recent[c.oldest] = id
	c.oldest = (c.oldest + 1) % maxControls
	return true
}

// controlsIn returns the controls in a document, or in the outputs of a bulk
// document, that ask to stop a run.
func controlsIn(document jsontext.Value) []Control {
	if !bytes.Contains(document, []byte(`control"`)) { // without the opening quote, which would make the search much slower
		return nil
	}
	if control, ok := controlOf(document); ok {
		return []Control{control}
	}
	var bulk struct {
		Outputs jsontext.Value `json:"outputs"`
	}
	var outputs map[string]jsontext.Value
	if json.Unmarshal(document, &bulk, rawjson.Lenient) != nil || bulk.Outputs.Kind() != '{' ||
		json.Unmarshal(bulk.Outputs, &outputs, rawjson.Lenient) != nil {
		return nil
	}
	var all []Control
	for _, output := range outputs {
		if control, ok := controlOf(output); ok {
			all = append(all, control)
		}
	}
	return all
}

// controlOf returns the control in one span's document, if it asks to stop a
// run that the document names.
func controlOf(document jsontext.Value) (Control, bool) {
	control := transport.ControlIn(document)
	if control == nil || !control.Terminate {
		return Control{}, false
	}
	var span struct {
		Details jsontext.Value `json:"details"`
	}
	var details struct {
		InstanceID string `json:"agent_instance_id"`
	}
	if json.Unmarshal(document, &span, rawjson.Lenient) != nil || rawjson.Object(span.Details).Decode(&details) != nil || details.InstanceID == "" {
		return Control{}, false
	}
	return Control{InstanceID: details.InstanceID, Reason: control.Reason}, true
}
