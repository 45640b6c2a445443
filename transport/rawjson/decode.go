package rawjson

import (
	"errors"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxOdd bounds how many members of an unexpected type a document may have
// before it is refused as a whole.
const maxOdd = 16

// Decode decodes a document into v, a pointer to a zero value. A member of an
// unexpected type is taken for null, so that the response to a write that
// succeeded isn't lost for one odd field. A document without such members is
// decoded once.
func Decode(document jsontext.Value, v any) error {
	err := json.Unmarshal(document, v, Lenient)
	for range maxOdd {
		start, end, ok := oddMember(document, err)
		if !ok {
			break
		}
		document = slices.Concat(document[:start], jsontext.Value("null"), document[end:])
		err = json.Unmarshal(document, v, Lenient)
	}
	return err
}

// oddMember returns where the member stands whose type made decoding fail with
// err.
func oddMember(document jsontext.Value, err error) (start, end int, ok bool) {
	semantic, ok := errors.AsType[*json.SemanticError](err)
	if !ok || semantic.JSONPointer == "" {
		return 0, 0, false
	}
	return locate(document, semantic.JSONPointer)
}
