package agents

import (
	"github.com/go-json-experiment/json/jsontext"
)

// Change is what an update does with one field. The zero Change leaves the field as
// it is.
type Change struct {
	set   bool
	value *string // nil for null
}

// To sets a field to value.
func To(value string) Change { return Change{set: true, value: &value} }

// Clear empties a field.
func Clear() Change { return Change{set: true} }

// IsZero reports whether the field stays as it is. The field is left out then.
func (c Change) IsZero() bool { return !c.set }

// MarshalJSONTo writes the new value, or null.
func (c Change) MarshalJSONTo(enc *jsontext.Encoder) error {
	if c.value == nil {
		return enc.WriteToken(jsontext.Null)
	}
	return enc.WriteToken(jsontext.String(*c.value))
}

// clears reports whether the change empties its field.
func (c Change) clears() bool { return c.set && (c.value == nil || *c.value == "") }
