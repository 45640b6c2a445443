package transport_test

import (
	stdjson "encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestAnObjectKeepsItsText(t *testing.T) {
	t.Parallel()
	var document struct {
		Payload transport.Object `json:"payload"`
	}
	const text = `{"payload":{"n":9007199254740993,"z":1.50,"a":[1e400]}}`
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(document)
	if err != nil || string(again) != text {
		t.Errorf("got %s, %v", again, err)
	}
	if got := document.Payload.String(); got != `{"n":9007199254740993,"z":1.50,"a":[1e400]}` {
		t.Errorf("String() = %s", got)
	}
}

func TestAnObjectIsACopy(t *testing.T) {
	t.Parallel()
	var object transport.Object
	text := []byte(`{"a":1}`)
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	clear(text)
	if object.String() != `{"a":1}` {
		t.Errorf("String() = %s", object)
	}
}

func TestANilObject(t *testing.T) {
	t.Parallel()
	object := transport.Object(`{}`)
	if err := json.Unmarshal([]byte(`null`), &object); err != nil || object != nil {
		t.Errorf("null decodes to %s, %v", object, err)
	}
	if text, err := json.Marshal(object); err != nil || string(text) != "null" {
		t.Errorf("encodes to %s, %v", text, err)
	}
	if object.String() != "null" {
		t.Errorf("String() = %s", object)
	}
	v := map[string]int{"a": 1}
	if err := object.Decode(&v); err != nil || v["a"] != 1 {
		t.Errorf("Decode: %v, %v", v, err)
	}
}

func TestDecodeTellsOfAnotherType(t *testing.T) {
	t.Parallel()
	var v struct {
		N int `json:"n"`
	}
	if err := transport.Object(`{"n":"x"}`).Decode(&v); err == nil {
		t.Error("a text was decoded as a number")
	}
	if err := transport.Object(`{"n":1,"n":2}`).Decode(&v); err != nil || v.N != 2 {
		t.Errorf("a member twice: %d, %v", v.N, err)
	}
}

func TestEncodeObject(t *testing.T) {
	t.Parallel()
	text, err := transport.EncodeObject("payload", map[string]any{"c": 3, "a": 1, "b": map[string]int{"z": 1, "y": 2}})
	if err != nil || string(text) != `{"a":1,"b":{"y":2,"z":1},"c":3}` {
		t.Errorf("got %s, %v", text, err)
	}
	tests := []struct {
		name    string
		value   any
		message string // what the error begins with
	}{
		{"null", nil, "payload must encode to a JSON object: it encodes to null"},
		{"a truth", false, "payload must encode to a JSON object: it encodes to a boolean"},
		{"a text", time.Time{}, "payload must encode to a JSON object: it encodes to a string"},
		{"a number", 1.5, "payload must encode to a JSON object: it encodes to a number"},
		{"a list", []int{}, "payload must encode to a JSON object: it encodes to an array"},
		{"a function", func() {}, "payload can't be encoded as JSON: "},
		{"a function within", map[string]any{"f": func() {}}, "payload.f can't be encoded as JSON: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := transport.EncodeObject("payload", test.value)
			if _, ok := errors.AsType[*errs.ClientError](err); !ok || !strings.HasPrefix(err.Error(), test.message) {
				t.Errorf("got  %v\nwant %s", err, test.message)
			}
		})
	}
}

// counted counts how often it is encoded.
type counted struct{ times *int }

func (c counted) MarshalText() ([]byte, error) {
	*c.times++
	return []byte("x"), nil
}

func TestAPlainMapIsNotEncodedToBeChecked(t *testing.T) {
	t.Parallel()
	var times int
	if err := transport.CheckObject("payload", map[string]any{"a": counted{&times}}); err != nil {
		t.Fatal(err)
	}
	if err := transport.CheckObject("payload", &struct{ A counted }{counted{&times}}); err != nil {
		t.Fatal(err)
	}
	if times != 0 {
		t.Errorf("encoded %d times", times)
	}
}

func TestWithinNamesTheWholePath(t *testing.T) {
	t.Parallel()
	tests := []struct{ field, want string }{
		{"status", "items[2].status"},
		{"body", "items[2]"},
	}
	for _, test := range tests {
		err := transport.Within("items[2]", &errs.ClientError{Field: test.field, Problem: "is wrong"})
		if err.Error() != test.want+" is wrong" {
			t.Errorf("got %v", err)
		}
	}
	other := errors.New("other")
	if transport.Within("items[2]", other) != other || transport.Within("items[2]", nil) != nil {
		t.Error("an error that is no ClientError was changed")
	}
}

// Logs and caches often go through encoding/json.
func TestAnObjectIsItselfToEncodingJSON(t *testing.T) {
	t.Parallel()
	type model struct {
		Payload transport.Object `json:"payload"`
		Absent  transport.Object `json:"absent"`
	}
	want := model{Payload: transport.Object(`{"n":9007199254740993}`)}
	text, err := stdjson.Marshal(want)
	if err != nil || string(text) != `{"payload":{"n":9007199254740993},"absent":null}` {
		t.Errorf("got %s, %v", text, err)
	}
	var got model
	if err := stdjson.Unmarshal(text, &got); err != nil || got.Payload.String() != want.Payload.String() || got.Absent != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestANumberOfEncodingJSONKeepsItsDigits(t *testing.T) {
	t.Parallel()
	text, err := transport.EncodeObject("payload", map[string]any{"n": stdjson.Number("12345678901234567890.50"), "list": []any{stdjson.Number("1e3")}})
	if err != nil || string(text) != `{"list":[1e3],"n":12345678901234567890.50}` {
		t.Errorf("got %s, %v", text, err)
	}
	if _, err := transport.EncodeObject("payload", map[string]any{"n": stdjson.Number("many")}); !errors.Is(err, errs.ErrClient) {
		t.Errorf("no number gave %v", err)
	}
}

func BenchmarkCheckObject(b *testing.B) {
	type payload struct{ A, B string }
	for name, value := range map[string]any{"map": map[string]any{"a": 1}, "struct": payload{}, "pointer": &payload{}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := transport.CheckObject("payload", value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
