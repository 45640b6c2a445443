package rawjson

import (
	"encoding"
	"errors"
	"reflect"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Decode decodes a document into v, a pointer to a zero value. A member of an
// unexpected type is left zero, so that the response to a write that succeeded
// isn't lost for odd members, however many. A document without such members is
// decoded once, any other twice.
func Decode(document jsontext.Value, v any) error {
	err := json.Unmarshal(document, v, Lenient)
	if _, odd := errors.AsType[*json.SemanticError](err); !odd {
		return err
	}
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return err // which says so
	}
	target.Elem().SetZero()
	return decodeLoosely(document, v)
}

func decodeLoosely(document jsontext.Value, v any, options ...json.Options) error {
	options = append(options, Lenient, json.WithUnmarshalers(json.UnmarshalFromFunc(leaveOddZero)))
	return json.Unmarshal(document, v, options...)
}

// leaveOddZero decodes the next value into v, and leaves v zero if it can't hold
// the value. A whole document, and what is decoded member by member, it leaves to
// the package json.
func leaveOddZero(dec *jsontext.Decoder, v any) error {
	if dec.StackDepth() == 0 || isName(dec) {
		return errSkip
	}
	target, kind := reflect.ValueOf(v).Elem(), dec.PeekKind()
	switch held := holds(target.Type(), kind); {
	case held == always:
		return errSkip
	case held == never:
		target.SetZero()
		return dec.SkipValue()
	}
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	target.SetZero()
	if decodeLoosely(value, v, dec.Options()) != nil { // the options have those of the field's tag
		target.SetZero()
	}
	return nil
}

// isName reports whether the name of a member comes next.
func isName(dec *jsontext.Decoder) bool {
	kind, length := dec.StackIndex(dec.StackDepth())
	return kind == '{' && length%2 == 0
}

// holding is whether a type can hold a kind of value.
type holding int

const (
	perhaps holding = iota // it depends on the value
	always                 // or can be decoded member by member
	never
)

// holds returns whether a t can hold values of kind.
func holds(t reflect.Type, kind jsontext.Kind) holding {
	switch {
	case hasMethod(t, unmarshalers):
		return perhaps
	case kind == 'n':
		return always
	}
	switch t.Kind() {
	case reflect.Interface:
		return always
	case reflect.Struct:
		return alwaysIf(kind == '{')
	case reflect.Map:
		if key := t.Key(); kind == '{' && (key.Kind() != reflect.String || hasMethod(key, unmarshalers)) {
			return perhaps // a name may be no key
		}
		return alwaysIf(kind == '{')
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return perhaps // base64
		}
		return alwaysIf(kind == '[')
	case reflect.String:
		return alwaysIf(kind == '"')
	case reflect.Bool:
		return alwaysIf(kind == 't' || kind == 'f')
	case reflect.Pointer:
		return holds(t.Elem(), kind)
	}
	return perhaps
}

func alwaysIf(held bool) holding {
	if held {
		return always
	}
	return never
}

var unmarshalers = []reflect.Type{
	reflect.TypeFor[json.UnmarshalerFrom](), reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
}

// hasMethod reports whether t, or a pointer to it, implements one of methods.
func hasMethod(t reflect.Type, methods []reflect.Type) bool {
	if t.Kind() == reflect.Interface {
		return false
	}
	return slices.ContainsFunc(methods, func(m reflect.Type) bool { return t.Implements(m) || reflect.PointerTo(t).Implements(m) })
}
