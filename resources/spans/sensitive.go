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
// Every print of it, and slog, shows "[redacted]". Its JSON holds the value, so that it
// can be part of a payload that is sent; don't log that. A marked value that was read is
// sent as it came, and a string or a number that wasn't marked is sent marked. The zero
// Sensitive is null.
type Sensitive struct {
	reveal func() marked // a closure, because prints by reflection show fields
}

// marked is the JSON of a sensitive value.
type marked struct {
	Type   string         `json:"$sensitive"` // "string" or "number"
	Value  jsontext.Value `json:"value"`
	Labels []string       `json:"labels,omitzero"`
	asRead jsontext.Value // the JSON that it was read from; nil if it is to be marked
}

// NewSensitive marks a text as sensitive, with labels that say what it is, such as
// "card".
func NewSensitive(text string, labels ...string) Sensitive {
	value, _ := jsontext.AppendQuote(nil, text) // the error is about invalid UTF-8, which is replaced
	return newSensitive(marked{Type: "string", Value: value, Labels: slices.Clone(labels)})
}

func newSensitive(m marked) Sensitive { return Sensitive{func() marked { return m }} }

// mark returns the marked value; null if there is none.
func (s Sensitive) mark() marked {
	if s.reveal == nil {
		return readMarked(jsontext.Value("null"))
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
	m := s.mark()
	if m.asRead != nil {
		return enc.WriteValue(m.asRead)
	}
	return json.MarshalEncode(enc, m)
}

// MarshalJSON returns the marked value, for encoding/json.
func (s Sensitive) MarshalJSON() ([]byte, error) { return json.Marshal(s, rawjson.Lenient) }

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
	*s = newSensitive(readMarked(jsontext.Value(text).Clone()))
	return nil
}

// readMarked reads a marked value, or one that isn't marked.
func readMarked(value jsontext.Value) marked {
	switch value.Kind() {
	case '"':
		return marked{Type: "string", Value: value}
	case '0':
		return marked{Type: "number", Value: value}
	}
	var m marked
	if value.Kind() != '{' || rawjson.Decode(value, &m) != nil || m.Type == "" {
		return marked{Value: value, asRead: value}
	}
	if m.Value == nil {
		m.Value = jsontext.Value("null")
	}
	m.asRead = value
	return m
}
