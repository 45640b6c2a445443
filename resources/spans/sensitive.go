package spans

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// Sensitive is a value of a payload that is marked as sensitive. It reads the values
// of spans that were created with SensitiveEncoding, as a field of the struct that a
// payload is decoded into:
//
//	var payload struct {
//		Card spans.Sensitive `json:"card"`
//	}
//	err := span.Payload.Decode(&payload)
//	number := payload.Card.Text()
//
// Every print of it, and slog, shows "[redacted]". Its JSON is the marked value, so
// that it can be part of a payload that is sent; don't log that.
type Sensitive struct {
	reveal func() marked // a closure, because prints by reflection show fields
}

// marked is the JSON of a sensitive value.
type marked struct {
	Type   string         `json:"$sensitive"` // "string" or "number"
	Value  jsontext.Value `json:"value"`
	Labels []string       `json:"labels,omitzero"`
}

// NewSensitive marks a text as sensitive, with labels that say what it is, such as
// "card".
func NewSensitive(text string, labels ...string) Sensitive {
	value, _ := jsontext.AppendQuote(nil, text) // the error is about invalid UTF-8, which is replaced
	return newSensitive(marked{"string", value, slices.Clone(labels)})
}

func newSensitive(m marked) Sensitive { return Sensitive{func() marked { return m }} }

// mark returns the marked value; null if there is none.
func (s Sensitive) mark() marked {
	if s.reveal == nil {
		return marked{Type: "string", Value: jsontext.Value("null")}
	}
	return s.reveal()
}

// Value returns the value itself as JSON; null if it was discarded or redacted.
func (s Sensitive) Value() jsontext.Value { return s.mark().Value }

// Text returns the value of a string, or the digits of a number; "" if it was
// discarded or redacted.
func (s Sensitive) Text() string {
	switch value := s.Value(); value.Kind() {
	case '"':
		text, _ := jsontext.AppendUnquote(nil, value)
		return string(text)
	case 'n':
		return ""
	default:
		return string(value)
	}
}

// Labels returns what the value was labelled with.
func (s Sensitive) Labels() []string { return slices.Clone(s.mark().Labels) }

// String returns "[redacted]".
func (Sensitive) String() string { return redacted }

// Format prints "[redacted]" for every verb and flag.
func (Sensitive) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns "[redacted]", for slog.
func (Sensitive) LogValue() slog.Value { return slog.StringValue(redacted) }

const redacted = "[redacted]"

// MarshalJSONTo writes the marked value.
func (s Sensitive) MarshalJSONTo(enc *jsontext.Encoder) error {
	return json.MarshalEncode(enc, s.mark())
}

// MarshalJSON returns the marked value, for encoding/json.
func (s Sensitive) MarshalJSON() ([]byte, error) { return json.Marshal(s.mark()) }

// UnmarshalJSONFrom reads a marked value, or one that isn't marked.
func (s *Sensitive) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	return s.UnmarshalJSON(value)
}

// UnmarshalJSON reads a marked value, or one that isn't marked, for encoding/json.
func (s *Sensitive) UnmarshalJSON(text []byte) error {
	m, ok := readMarked(text)
	if !ok {
		m = marked{Type: "string", Value: jsontext.Value(text).Clone()}
		if m.Value.Kind() == '0' {
			m.Type = "number"
		}
	}
	*s = newSensitive(m)
	return nil
}

// readMarked reads a marked value; false if value isn't one.
func readMarked(value jsontext.Value) (m marked, ok bool) {
	if value.Kind() != '{' || json.Unmarshal(value, &m, rawjson.Lenient) != nil || m.Type == "" {
		return marked{}, false
	}
	if m.Value == nil {
		m.Value = jsontext.Value("null")
	}
	return m, true
}
