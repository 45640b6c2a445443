package transport

import (
	"bytes"
	"slices"
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
	start, end, ok := locate(r.part.document, r.part.pointer)
	if !ok {
		return nil
	}
	return slices.Clip(r.part.document[start:end])
}

// Document returns the whole document that the part stands in, nil if there is
// none. It is the answer's own bytes and must not be changed.
func (r Raw) Document() jsontext.Value {
	if r.part == nil {
		return nil
	}
	return r.part.document
}

// locate returns where in document the value begins and ends that pointer leads
// to.
func locate(document jsontext.Value, pointer jsontext.Pointer) (start, end int, ok bool) {
	end = len(document)
	for token := range pointer.Tokens() {
		from, to, ok := child(document[start:end], token)
		if !ok {
			return 0, 0, false
		}
		start, end = start+from, start+to
	}
	return start, end, true
}

// child returns where in v the member or element begins and ends that a
// pointer's token names.
func child(v jsontext.Value, token string) (start, end int, ok bool) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(v), Lenient)
	opening, err := dec.ReadToken()
	if err != nil {
		return 0, 0, false
	}
	isArray := opening.Kind() == '['
	for i := 0; dec.PeekKind() != ']' && dec.PeekKind() != '}'; i++ {
		name := strconv.Itoa(i)
		if !isArray {
			member, err := dec.ReadToken()
			if err != nil {
				return 0, 0, false
			}
			name = member.String()
		}
		value, err := dec.ReadValue()
		if err != nil {
			return 0, 0, false
		}
		if name == token {
			end := int(dec.InputOffset())
			return end - len(value), end, true
		}
	}
	return 0, 0, false
}
