package transport

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Raw leads a model to the part of the answer's document that it was decoded
// from: unknown members can be had without a second request, and without a
// copy. The zero Raw leads nowhere.
type Raw struct {
	part *part // a pointer, so that a model that is printed doesn't show bytes
}

type part struct {
	document jsontext.Value
	pointer  jsontext.Pointer
}

// RawAt returns the Raw of the part of document that pointer, a JSON Pointer
// (RFC 6901), leads to.
func RawAt(document jsontext.Value, pointer jsontext.Pointer) Raw {
	return Raw{&part{document, pointer}}
}

// Value returns the part's JSON text, nil if there is none. It is a part of the
// answer's own bytes and must not be changed. It is searched for at each call.
func (r Raw) Value() jsontext.Value {
	if r.part == nil {
		return nil
	}
	value := r.part.document
	for token := range r.part.pointer.Tokens() {
		if value = child(value, token); value == nil {
			return nil
		}
	}
	return value
}

// child returns the member or element of v that a pointer's token names.
func child(v jsontext.Value, token string) jsontext.Value {
	dec := jsontext.NewDecoder(bytes.NewBuffer(v), Lenient)
	opening, err := dec.ReadToken()
	if err != nil {
		return nil
	}
	isArray := opening.Kind() == '['
	for i := 0; dec.PeekKind() != ']' && dec.PeekKind() != '}'; i++ {
		name := strconv.Itoa(i)
		if !isArray {
			member, err := dec.ReadToken()
			if err != nil {
				return nil
			}
			name = member.String()
		}
		value, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		if name == token {
			end := int(dec.InputOffset())
			return v[end-len(value) : end]
		}
	}
	return nil
}
