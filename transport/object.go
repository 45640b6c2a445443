package transport

import (
	"encoding"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
)

// Object is a JSON object as it came from the API, every digit of it. The nil
// Object stands for null and for an absent member. Should the API send another
// kind of value where an object is due, Object holds that, and Decode tells.
type Object jsontext.Value

// Decode decodes the object into v, a pointer to a struct or a map, by the
// rules of encoding/json/v2. Give numbers that a float64 can't hold a field of
// an integer type, or of type [jsontext.Value]. A nil Object leaves v alone.
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

// EncodeObject encodes v, which must encode to a JSON object, as the body of a
// call is encoded: by the rules of encoding/json/v2, and to the same bytes for
// the same value. Its error is an [errs.ClientError] that names field, or what
// in it can't be encoded.
func EncodeObject(field string, v any) (jsontext.Value, error) {
	encoded, err := encode(v)
	if err != nil {
		return nil, Within(field, err)
	}
	text := jsontext.Value(encoded)
	if kind := text.Kind(); kind != '{' {
		return nil, &errs.ClientError{Field: field, Problem: "must encode to a JSON object: it encodes to " + kindName(kind)}
	}
	return text, nil
}

// CheckObject reports whether v encodes to a JSON object. Maps and structs
// that have no say in how they are encoded do, and aren't encoded for it: what
// in them can't be encoded is found when the call is. Its error is an
// [errs.ClientError] that names field.
func CheckObject(field string, v any) error {
	if plainObject(v) {
		return nil
	}
	_, err := EncodeObject(field, v)
	return err
}

// plainObject reports whether v is a map or a struct, or a pointer to one, whose
// type has no methods by which it would encode itself.
func plainObject(v any) bool {
	if _, ok := v.(map[string]any); ok {
		return true
	}
	value := reflect.ValueOf(v)
	for value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	if value.Kind() != reflect.Map && value.Kind() != reflect.Struct {
		return false
	}
	all := reflect.PointerTo(value.Type())
	for _, encoder := range selfEncoders {
		if all.Implements(encoder) {
			return false
		}
	}
	return true
}

// selfEncoders are the interfaces of types that encode themselves.
var selfEncoders = []reflect.Type{
	reflect.TypeFor[json.MarshalerTo](),
	reflect.TypeFor[json.Marshaler](),
	reflect.TypeFor[encoding.TextAppender](),
	reflect.TypeFor[encoding.TextMarshaler](),
}

// kindName names a kind of JSON value.
func kindName(kind jsontext.Kind) string {
	switch kind {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '[':
		return "an array"
	}
	return kind.String()
}
