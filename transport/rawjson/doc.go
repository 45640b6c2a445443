// Package rawjson has what models of the API are written with: JSON that keeps
// every digit ([Object]), a model's way back to the document that it was decoded
// from ([Source]), decoding that survives members of unexpected types
// ([Decode]), and encoding whose errors name a field ([Encode]).
package rawjson

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Lenient is how responses are decoded: duplicate names and invalid UTF-8 are no
// reason to lose a response.
var Lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
