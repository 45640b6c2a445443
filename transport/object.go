package transport

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Object is a JSON object as it came from the API, every digit of it. The nil
// Object stands for null and for an absent member.
type Object jsontext.Value

// Decode decodes the object into v, as a pointer to a struct or a map. A nil
// Object leaves v alone.
func (o Object) Decode(v any) error {
	if len(o) == 0 {
		return nil
	}
	return json.Unmarshal(o, v, Lenient)
}

// String returns the JSON text; "null" for a nil Object.
func (o Object) String() string {
	if len(o) == 0 {
		return "null"
	}
	return string(o)
}

// MarshalJSONTo writes the JSON text.
func (o Object) MarshalJSONTo(enc *jsontext.Encoder) error {
	if len(o) == 0 {
		return enc.WriteToken(jsontext.Null)
	}
	return enc.WriteValue(jsontext.Value(o))
}

// UnmarshalJSONFrom keeps a copy of the JSON text. A null makes a nil Object.
func (o *Object) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	*o = nil
	if value.Kind() != 'n' {
		*o = Object(value.Clone())
	}
	return nil
}
