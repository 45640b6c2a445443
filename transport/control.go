package transport

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// Control is what the server says to a run beside the response to a span write.
type Control struct {
	Terminate bool   // the run should end now
	Reason    string // why; may be empty
}

// ControlIn returns the member "control" of a response's document, nil if it has
// none. Only an object counts as one, and only the boolean true as a request to
// terminate.
func ControlIn(document jsontext.Value) *Control {
	if !bytes.Contains(document, []byte(`control"`)) {
		return nil
	}
	var whole struct {
		Control jsontext.Value `json:"control"`
	}
	if json.Unmarshal(document, &whole, rawjson.Lenient) != nil || whole.Control.Kind() != '{' {
		return nil
	}
	var members struct {
		Terminate jsontext.Value `json:"terminate"`
		Reason    jsontext.Value `json:"reason"`
	}
	if json.Unmarshal(whole.Control, &members, rawjson.Lenient) != nil {
		return nil
	}
	control := &Control{Terminate: members.Terminate.Kind() == 't'}
	if members.Reason.Kind() == '"' {
		reason, _ := jsontext.AppendUnquote(nil, members.Reason)
		control.Reason = string(reason)
	}
	return control
}
