package rawjson_test

import (
	stdjson "encoding/json"
	"testing"

	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// What the API gave can be sent back, as it came.
func TestWhatCameCanBeSentBack(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"a":1,"a":2}`, `{"a":{"b":1,"b":[{"c":1,"c":2}]}}`, "{\"\xff\":1,\"\xfe\":2}", `{"n":9007199254740993,"e":1e400}`,
	} {
		var object rawjson.Object
		if err := object.UnmarshalJSON([]byte(text)); err != nil {
			t.Fatal(err)
		}
		for name, input := range map[string]any{
			"alone": object, "in a map": map[string]any{"payload": object}, "in a struct": struct{ Payload rawjson.Object }{object},
		} {
			sent, err := rawjson.Encode(input)
			if err != nil {
				t.Errorf("%s %s: %v", text, name, err)
				continue
			}
			again, err := rawjson.Encode(sent)
			if err != nil || string(again) != string(sent) {
				t.Errorf("%s %s: %s, and again %s, %v", text, name, sent, again, err)
			}
		}
		if _, err := rawjson.EncodeObject("payload", object); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	keys := map[string]any{"\xff": 1, "\xfe": 2} // equal once they are UTF-8
	if _, err := rawjson.Encode(keys); err != nil {
		t.Error(err)
	}
	numbers := map[stdjson.Number]any{"1": stdjson.Number("1.50")}
	if text, err := rawjson.Encode(numbers); err != nil || string(text) != `{"1":1.50}` {
		t.Errorf("%s, %v", text, err)
	}
}
