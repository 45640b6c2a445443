package rawjson_test

import (
	stdjson "encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

func TestAnObjectKeepsItsText(t *testing.T) {
	t.Parallel()
	var document struct {
		Payload rawjson.Object `json:"payload"`
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
	var object rawjson.Object
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
	object := rawjson.Object(`{}`)
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

// A struct without tags must not read nothing, silently.
func TestDecodeFindsAFieldInAnotherCase(t *testing.T) {
	t.Parallel()
	var got struct {
		Card  string
		Exact string `json:"exact"`
	}
	err := rawjson.Object(`{"card":"4111","exact":"a","EXACT":"b"}`).Decode(&got)
	if err != nil || got.Card != "4111" {
		t.Errorf("got %+v, %v", got, err)
	}
	var both struct {
		Lower string `json:"name"`
		Upper string `json:"NAME"`
	}
	if err := rawjson.Object(`{"NAME":"u","name":"l"}`).Decode(&both); err != nil || both.Lower != "l" || both.Upper != "u" {
		t.Errorf("got %+v, %v", both, err)
	}
}

func TestDecodeReportsAnotherType(t *testing.T) {
	t.Parallel()
	var v struct {
		N int `json:"n"`
	}
	if err := rawjson.Object(`{"n":"x"}`).Decode(&v); err == nil {
		t.Error("a text was decoded as a number")
	}
	if err := rawjson.Object(`{"n":1,"n":2}`).Decode(&v); err != nil || v.N != 2 {
		t.Errorf("a member twice: %d, %v", v.N, err)
	}
}

func TestEncodeObject(t *testing.T) {
	t.Parallel()
	text, err := rawjson.EncodeObject("payload", map[string]any{"c": 3, "a": 1, "b": map[string]int{"z": 1, "y": 2}})
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
			_, err := rawjson.EncodeObject("payload", test.value)
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

func TestAMemberIsEncodedOnce(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]func(*int) any{
		"map":    func(times *int) any { return map[string]any{"a": counted{times}} },
		"struct": func(times *int) any { return &struct{ A counted }{counted{times}} },
	} {
		var times int
		encoded := rawjson.Encoded(value(&times))
		if err := rawjson.CheckObject("payload", encoded); err != nil {
			t.Fatal(err)
		}
		if _, err := rawjson.Encode(map[string]any{"payload": encoded}); err != nil || times != 1 {
			t.Errorf("%s: encoded %d times, %v", name, times, err)
		}
	}
	if rawjson.Encoded(nil) != nil || rawjson.Encoded(rawjson.Object(nil)) != nil {
		t.Error("no value was encoded")
	}
}

func TestWhatIsNoObjectIsReportedOnce(t *testing.T) {
	t.Parallel()
	for _, value := range []any{7, "text", []int{1}, rawjson.Object(`[1]`), rawjson.Object(`{"a":`), func() {}} {
		err := rawjson.CheckObject("payload", rawjson.Encoded(value))
		if object, broken := value.(rawjson.Object); broken && object[0] == '{' {
			_, err = rawjson.EncodeObject("payload", rawjson.Encoded(value))
		}
		if fault, ok := errors.AsType[*errs.ClientError](err); !ok || !strings.HasPrefix(fault.Field, "payload") {
			t.Errorf("%T gave %v", value, err)
		}
	}
}

func TestWithinNamesTheWholePath(t *testing.T) {
	t.Parallel()
	tests := []struct{ field, want string }{
		{"status", "items[2].status"},
		{"body", "items[2]"},
	}
	for _, test := range tests {
		err := rawjson.Within("items[2]", &errs.ClientError{Field: test.field, Problem: "is wrong"})
		if err.Error() != test.want+" is wrong" {
			t.Errorf("got %v", err)
		}
	}
	all := rawjson.Within("a", errors.Join(&errs.ClientError{Field: "b", Problem: "is 1"}, &errs.ClientError{Field: "c", Problem: "is 2"}))
	if got := strings.Split(all.Error(), "\n"); !slices.Equal(got, []string{"a.b is 1", "a.c is 2"}) {
		t.Errorf("joined errors became %q", got)
	}
	other := errors.New("other")
	if rawjson.Within("items[2]", other) != other || rawjson.Within("items[2]", nil) != nil {
		t.Error("an error that is no ClientError was changed")
	}
}

// Logs and caches often go through encoding/json.
func TestAnObjectIsItselfToEncodingJSON(t *testing.T) {
	t.Parallel()
	type model struct {
		Payload rawjson.Object `json:"payload"`
		Absent  rawjson.Object `json:"absent"`
	}
	want := model{Payload: rawjson.Object(`{"n":9007199254740993}`)}
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
	text, err := rawjson.EncodeObject("payload", map[string]any{"n": stdjson.Number("12345678901234567890.50"), "list": []any{stdjson.Number("1e3")}})
	if err != nil || string(text) != `{"list":[1e3],"n":12345678901234567890.50}` {
		t.Errorf("got %s, %v", text, err)
	}
	if _, err := rawjson.EncodeObject("payload", map[string]any{"n": stdjson.Number("many")}); !errors.Is(err, errs.ErrClient) {
		t.Errorf("no number gave %v", err)
	}
}
