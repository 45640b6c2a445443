package prefactortest

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A statusDoc is an envelope with nothing in it.
type statusDoc struct {
	Status string `json:"status"`
}

// A detailsDoc is the envelope of one thing.
type detailsDoc struct {
	Status  string      `json:"status"`
	Details any         `json:"details"`
	Control *controlDoc `json:"control,omitzero"`
}

// A controlDoc tells a client that its run was terminated.
type controlDoc struct {
	Terminate bool    `json:"terminate"`
	Reason    *string `json:"reason"`
}

// encode writes a document that the fake made itself.
func encode(doc any) []byte {
	b, err := json.Marshal(doc, json.Deterministic(true))
	if err != nil {
		panic("prefactortest: can't encode an answer: " + err.Error())
	}
	return b
}

// decode reads a part of a document of which the kind is known and the
// syntax was checked.
func decode(v jsontext.Value, into any) {
	if err := json.Unmarshal(v, into); err != nil {
		panic("prefactortest: can't decode a part of a body: " + err.Error())
	}
}

func success(details any) detailsDoc {
	return detailsDoc{Status: "success", Details: details}
}
