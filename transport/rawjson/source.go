package rawjson

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Source leads from a model back to the JSON that it was decoded from, for members
// that the model doesn't know, without a second request and without a copy. Embed
// it with the tag `json:"-"`, and set it in the model's Check method:
//
//	m.SetSource(document, "/details")
//
// Nothing else sets it. The zero Source leads nowhere.
type Source struct {
	part *part // a pointer, so that a model that is printed doesn't show bytes
}

type part struct {
	document jsontext.Value
	pointer  jsontext.Pointer
}

// At returns the Source of the part of document that pointer, a JSON Pointer
// (RFC 6901), leads to.
func At(document jsontext.Value, pointer jsontext.Pointer) Source {
	return Source{&part{document, pointer}}
}

// SetSource makes s the Source that [At] returns. It does nothing if s is nil.
func (s *Source) SetSource(document jsontext.Value, pointer jsontext.Pointer) {
	if s != nil {
		*s = At(document, pointer)
	}
}

// Raw returns the JSON text that the model was decoded from, unknown members
// included; nil if it was made in another way. It is a part of the response's
// own bytes and must not be changed. It is searched for at each call.
func (s Source) Raw() jsontext.Value {
	if s.part == nil {
		return nil
	}
	start, end, ok := locate(s.part.document, s.part.pointer)
	if !ok {
		return nil
	}
	return slices.Clip(s.part.document[start:end])
}

// Document returns the whole document of the response, with what stands beside
// the model; nil if there is none. It is the response's own bytes and must not be
// changed.
func (s Source) Document() jsontext.Value {
	if s.part == nil {
		return nil
	}
	return s.part.document
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
// pointer's token names; of several members of a name the last.
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
			end = int(dec.InputOffset())
			start, ok = end-len(value), true
		}
	}
	return start, end, ok
}
