package prefactortest

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A statusDoc is an envelope with a status only.
type statusDoc struct {
	Status string `json:"status"`
}

// A detailsDoc is the envelope of one record.
type detailsDoc struct {
	Status  string      `json:"status"`
	Details any         `json:"details"`
	Control *controlDoc `json:"control,omitzero"`
}

// A controlDoc is the control signal of a terminated run.
type controlDoc struct {
	Terminate bool    `json:"terminate"`
	Reason    *string `json:"reason"`
}

// encode marshals a value of the fake's own, which can't fail.
func encode(doc any) []byte {
	b, err := json.Marshal(doc, json.Deterministic(true))
	if err != nil {
		panic("prefactortest: can't encode a response: " + err.Error())
	}
	return b
}

// decode unmarshals a part of a body whose syntax and kind were checked before.
func decode(v jsontext.Value, into any) {
	if err := json.Unmarshal(v, into); err != nil {
		panic("prefactortest: can't decode a part of a body: " + err.Error())
	}
}

func success(details any) detailsDoc {
	return detailsDoc{Status: "success", Details: details}
}
