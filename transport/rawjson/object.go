package rawjson

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Object is a JSON object as it came from the API, with every digit. The nil
// Object means null or an absent member. If the API sends another kind of value
// in place of an object, Object holds that value, and Decode returns an error.
type Object jsontext.Value

// Decode decodes the object into v, a pointer to a struct or a map, by the
// rules of encoding/json/v2. As in encoding/json, a member is decoded into the
// field with its name in another case if none has its very name. Give numbers that
// a float64 can't hold a field of an integer type, or of type [jsontext.Value]. A nil
// Object leaves v alone.
func (o Object) Decode(v any) error {
	if len(o) == 0 {
		return nil
	}
	return json.Unmarshal(o, v, Lenient, json.MatchCaseInsensitiveNames(true))
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
	return o.UnmarshalJSON(value)
}

// MarshalJSON returns the JSON text, for encoding/json.
func (o Object) MarshalJSON() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalJSON keeps a copy of the JSON text, for encoding/json.
func (o *Object) UnmarshalJSON(text []byte) error {
	*o = nil
	if jsontext.Value(text).Kind() != 'n' {
		*o = Object(jsontext.Value(text).Clone())
	}
	return nil
}
