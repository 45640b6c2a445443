package rawjson

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"github.com/prefactordev/prefactor-go/errs"
)

// Encode returns v as JSON by the rules of encoding/json/v2, the same bytes for the
// same value: maps are sorted, so that a call that is repeated with its key has the
// body that it had. What came from the API can be sent back as it came, with members
// of the same name. What would lose a call is taken as far as it can be:
//
//   - Bytes that aren't UTF-8, as of a text that was cut within a character, become
//     U+FFFD.
//   - A [time.Duration] is a number of nanoseconds, as in encoding/json.
//   - A number of encoding/json keeps its digits; an empty one is 0.
//   - An error that has no exported fields and no encoding of its own is its text.
//   - What else only encoding/json takes, such as a struct without exported fields,
//     is encoded by its rules, and all of v with it.
//
// The error is an [errs.ClientError] that names the field that can't be encoded.
func Encode(v any) (jsontext.Value, error) {
	if err := checkEnds(v); err != nil {
		return nil, err
	}
	text, err := json.Marshal(v, encodingOptions)
	if err != nil {
		return encodeOlder(v, err)
	}
	return text, nil
}

// EncodeTo is [Encode] to the end of b, which stays as it is if there is an error. It
// panics if b is nil.
func EncodeTo(b *bytes.Buffer, v any) error {
	if b == nil {
		panic("rawjson.EncodeTo: the buffer is nil: give new(bytes.Buffer)")
	}
	if err := checkEnds(v); err != nil {
		return err
	}
	begin := b.Len()
	err := json.MarshalWrite(b, v, encodingOptions)
	if err == nil {
		return nil
	}
	b.Truncate(begin)
	text, err := encodeOlder(v, err)
	b.Write(text)
	return err
}

// checkEnds finds a pointer that leads to itself.
func checkEnds(v any) error {
	if at, found := findEndless(v); found {
		return notEncoded(at, "it is a pointer that leads to itself")
	}
	return nil
}

// encodeOlder encodes v by the rules of encoding/json, after those of version 2 gave
// an error.
func encodeOlder(v any, err error) (jsontext.Value, error) {
	if text, older := stdjson.Marshal(v); older == nil {
		return text, nil
	}
	return nil, notEncoded(placeOf(err), problemOf(err))
}

var encodingOptions = json.JoinOptions(Lenient, json.Deterministic(true), jsonv1.FormatDurationAsNano(true),
	json.WithMarshalers(json.JoinMarshalers(json.MarshalToFunc(exactNumber), json.MarshalToFunc(errorText))))

func notEncoded(at jsontext.Pointer, why string) error {
	return &errs.ClientError{Field: errs.Words(fieldAt(at)), Problem: "can't be encoded as JSON: " + errs.Words(why)}
}

// exactNumber encodes a number of encoding/json as what it is; its type is a
// string to encoding/json/v2.
func exactNumber(enc *jsontext.Encoder, n stdjson.Number) error {
	if kind, length := enc.StackIndex(enc.StackDepth()); kind == '{' && length%2 == 0 { // as the name of a member
		return enc.WriteToken(jsontext.String(string(n)))
	}
	if n == "" {
		n = "0"
	}
	return enc.WriteValue(jsontext.Value(n))
}

// errorText encodes an error as its text, if nothing else says how to encode it.
func errorText(enc *jsontext.Encoder, err error) error {
	t := reflect.TypeOf(err)
	if hasMethod(t, marshalers) || !opaque(t) {
		return errSkip
	}
	return enc.WriteToken(jsontext.String(err.Error()))
}

// opaque reports whether t is a struct without exported fields, or a pointer to one.
func opaque(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && !slices.ContainsFunc(reflect.VisibleFields(t), reflect.StructField.IsExported)
}

// EncodeObject is [Encode] for a value that must encode to a JSON object. The
// error is an [errs.ClientError] that names field, or what in it can't be
// encoded.
func EncodeObject(field string, v any) (Object, error) {
	text, err := Encode(v)
	if err != nil {
		return nil, Within(field, err)
	}
	if kind := text.Kind(); kind != '{' {
		return nil, &errs.ClientError{Field: field, Problem: "must encode to a JSON object: it encodes to " + kindName(kind) + remedyFor(kind)}
	}
	return Object(text), nil
}

// remedyFor says what to give in place of a value that encodes to a kind.
func remedyFor(kind jsontext.Kind) string {
	switch kind {
	case 'n':
		return "; leave it out"
	case '"':
		return `; put it under a name, as in map[string]any{"text": v}, and give JSON text as a json.RawMessage`
	}
	return `; put it under a name, as in map[string]any{"value": v}`
}

// Encoded returns v, a member of an input that must be a JSON object, in a form
// that [CheckObject] need not encode to check: nil for a nil Object, and an
// [Object] for any value that isn't a map. A value that doesn't encode to an
// object is returned as it is.
func Encoded(v any) any {
	switch member := v.(type) {
	case nil, map[string]any:
		return v
	case Object:
		if member == nil {
			return nil
		}
		return v
	}
	if object, err := EncodeObject("", v); err == nil {
		return object
	}
	return v
}

// CheckObject reports whether v, a member of an input, encodes to a JSON object;
// nil is fine. A map and what [Encoded] returns are objects without being encoded;
// an error inside a map is found when the whole input is encoded. The error is an
// [errs.ClientError] that names field.
func CheckObject(field string, v any) error {
	switch member := v.(type) {
	case nil, map[string]any:
		return nil
	case Object:
		if member == nil || jsontext.Value(member).Kind() == '{' {
			return nil
		}
	}
	_, err := EncodeObject(field, v)
	return err
}

// wholeBody is the field of an error that lies in no field of its own.
const wholeBody = "body"

// Within returns err, the error of an input that is part of another, as an error
// of the whole: an [errs.ClientError] names its field within the one called
// parent, such as "items[2].status", and so does each that [errors.Join] has joined.
// Any other error, nil included, is returned as it is.
func Within(parent string, err error) error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		parts := slices.Clone(all.Unwrap())
		for i, part := range parts {
			parts[i] = Within(parent, part)
		}
		return errors.Join(parts...)
	}
	input, ok := errors.AsType[*errs.ClientError](err)
	switch {
	case !ok:
		return err
	case input.Field == wholeBody:
		return &errs.ClientError{Field: parent, Problem: input.Problem}
	}
	return &errs.ClientError{Field: parent + "." + input.Field, Problem: input.Problem}
}

// problemOf says why encoding failed with err.
func problemOf(err error) string {
	semantic, ok := errors.AsType[*json.SemanticError](err)
	if !ok || semantic.GoType == nil {
		return err.Error()
	}
	switch semantic.GoType.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return "JSON has nothing like a " + semantic.GoType.String() + ": leave it out, or give a text, a number, a list or an object"
	case reflect.Float32, reflect.Float64:
		return "JSON has no NaN and no infinity: leave it out, or give a number or a text"
	}
	return err.Error()
}

// placeOf returns where in a value encoding failed with err.
func placeOf(err error) jsontext.Pointer {
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		return semantic.JSONPointer
	}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return syntax.JSONPointer
	}
	return ""
}

// fieldAt returns the name of the field at a place, as the caller knows it: without
// the envelope "details".
func fieldAt(at jsontext.Pointer) string {
	var field strings.Builder
	for token := range at.Tokens() {
		switch _, err := strconv.ParseUint(token, 10, 32); {
		case err == nil:
			field.WriteString("[" + token + "]")
		case field.Len() > 0:
			field.WriteString("." + token)
		default:
			field.WriteString(token)
		}
	}
	if field.Len() == 0 {
		return wholeBody
	}
	return strings.TrimPrefix(field.String(), "details.")
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
