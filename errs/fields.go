package errs

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deep the fields of an error document may nest; anything
// deeper is kept as its JSON text.
const maxDepth = 32

// flatten turns the "errors" member of an error document into a list. It
// accepts every shape seen in the API's responses, nested in any way: a string,
// a list of strings, an object with code and message, and objects that hold
// these by field.
func flatten(errors jsontext.Value) []Field {
	var fields []Field
	collect(&fields, "", errors, maxDepth)
	return fields
}

func collect(fields *[]Field, path string, v jsontext.Value, depth int) {
	switch kind := v.Kind(); {
	case kind == 'n' || len(v) == 0:
	case kind == '"':
		*fields = append(*fields, Field{Path: path, Message: text(v)})
	case kind == '{' && depth > 0:
		collectObject(fields, path, v, depth)
	case kind == '[' && depth > 0:
		for i, element := range elements(v) {
			at := path
			if element.Kind() != '"' {
				at = fmt.Sprintf("%s[%d]", path, i)
			}
			collect(fields, at, element, depth-1)
		}
	default:
		*fields = append(*fields, Field{Path: path, Message: Words(string(v))})
	}
}

// collectObject appends an object: as one field if it has a code or a message,
// otherwise as one field for each member.
func collectObject(fields *[]Field, path string, v jsontext.Value, depth int) {
	all := members(v)
	field := Field{Path: path}
	var nested jsontext.Value
	for _, m := range all {
		switch {
		case m.name == "code":
			field.Code = text(m.value)
		case m.name == "message":
			field.Message = text(m.value)
		case m.name == "errors":
			nested = m.value
		}
	}
	if field.Code == "" && field.Message == "" {
		for _, m := range all {
			collect(fields, join(path, m.name), m.value, depth-1)
		}
		return
	}
	before := len(*fields)
	collect(fields, path, nested, depth-1)
	if len(*fields) == before {
		*fields = append(*fields, field)
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

type member struct {
	name  string
	value jsontext.Value
}

// members returns the members of a JSON object in order, up to the first broken
// one.
func members(v jsontext.Value) []member {
	dec := jsontext.NewDecoder(bytes.NewBuffer(v), lenient)
	if _, err := dec.ReadToken(); err != nil {
		return nil
	}
	var all []member
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return all
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return all
		}
		all = append(all, member{name: key, value: value.Clone()})
	}
	return all
}

// elements returns the elements of a JSON array, up to the first broken one.
func elements(v jsontext.Value) []jsontext.Value {
	dec := jsontext.NewDecoder(bytes.NewBuffer(v), lenient)
	if _, err := dec.ReadToken(); err != nil {
		return nil
	}
	var all []jsontext.Value
	for dec.PeekKind() != ']' {
		element, err := dec.ReadValue()
		if err != nil {
			return all
		}
		all = append(all, element.Clone())
	}
	return all
}
