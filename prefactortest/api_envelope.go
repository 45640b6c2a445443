package prefactortest

import (
	"errors"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A statusDoc is an envelope with a status only.
type statusDoc struct {
	Status string `json:"status"`
}

// A detailsDoc is the envelope of one record.
type detailsDoc struct {
	Status  string      `json:"status"`
	Details any         `json:"details"`
	Control *controlDoc `json:"control,omitzero"`
}

// A controlDoc is the control signal of a terminated run.
type controlDoc struct {
	Terminate bool    `json:"terminate"`
	Reason    *string `json:"reason"`
}

// encode marshals a value of the fake's own, which can't fail.
func encode(doc any) []byte {
	b, err := json.Marshal(doc, json.Deterministic(true))
	if err != nil {
		panic("prefactortest: can't encode a response: " + err.Error())
	}
	return b
}

// decode unmarshals a part of a body whose syntax and kind were checked before.
func decode(v jsontext.Value, into any) {
	if err := json.Unmarshal(v, into, checked); err != nil {
		panic("prefactortest: can't decode a part of a body: " + err.Error())
	}
}

// members returns the members of a JSON object; false if v isn't one. Their
// values are parts of v.
func members(v []byte, opts ...json.Options) (doc map[string]jsontext.Value, ok bool) {
	o := object{text: v}
	err := json.Unmarshal(v, &o, opts...)
	return o.members, err == nil
}

// checked are the options for a part of a body whose names and texts were
// checked before.
var checked = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// elements returns the elements of a JSON array whose parts were checked before.
// Those that aren't objects have no members.
func elements(v []byte) []object {
	a := array{text: v}
	decode(v, &a)
	return a.elements
}

// An array is what elements parses.
type array struct {
	text     []byte
	elements []object
}

func (a *array) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	_, err := dec.ReadToken() // the opening bracket
	for err == nil && dec.PeekKind() != ']' {
		o := object{text: a.text}
		if dec.PeekKind() == '{' {
			err = o.UnmarshalJSONFrom(dec)
		} else {
			err = dec.SkipValue()
		}
		a.elements = append(a.elements, o)
	}
	if err == nil {
		_, err = dec.ReadToken()
	}
	return err
}

// An object is what members parses. Its json and its members are parts of text.
type object struct {
	text    []byte
	json    jsontext.Value
	members map[string]jsontext.Value
}

func (o *object) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if brace, err := dec.ReadToken(); err != nil || brace.Kind() != '{' {
		return errors.Join(err, errors.New("not an object"))
	}
	begin := dec.InputOffset() - 1
	o.members = make(map[string]jsontext.Value)
	for dec.PeekKind() == '"' {
		quoted, err := dec.ReadValue()
		if err != nil {
			return err
		}
		name := nameOf(quoted)
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		end := dec.InputOffset()
		o.members[name] = o.text[end-int64(len(value)) : end : end]
	}
	_, err := dec.ReadToken() // the closing brace
	o.json = o.text[begin:dec.InputOffset()]
	return err
}

// frequentNames are the names that most requests have, which need no copy.
var frequentNames = func() map[string]string {
	names := make(map[string]string)
	for _, name := range []string{
		"_type", "agent_instance_id", "agent_span_id", "details", "finished_at", "id", "idempotency_key", "items",
		"parent_span_id", "payload", "result_payload", "schema_name", "started_at", "status", "timestamp",
	} {
		names[strconv.Quote(name)] = name
	}
	return names
}()

// nameOf returns the name of a member.
func nameOf(quoted jsontext.Value) string {
	if name, ok := frequentNames[string(quoted)]; ok {
		return name
	}
	return unquote(quoted)
}

// unquote returns the text of a JSON string.
func unquote(v jsontext.Value) string {
	var space [64]byte
	text, err := jsontext.AppendUnquote(space[:0], v)
	if err != nil {
		panic("prefactortest: can't decode a part of a body: " + err.Error())
	}
	return string(text)
}

// appendQuoted appends a text, which is valid UTF-8, as a JSON string.
func appendQuoted(b []byte, text string) []byte {
	b, err := jsontext.AppendQuote(b, text)
	if err != nil {
		panic("prefactortest: can't encode a text: " + err.Error())
	}
	return b
}

func success(details any) detailsDoc {
	return detailsDoc{Status: "success", Details: details}
}
