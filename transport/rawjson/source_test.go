package rawjson_test

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

func TestRawLeadsToAPartOfTheDocument(t *testing.T) {
	t.Parallel()
	document := jsontext.Value(` { "status" : "success" , "details" : { "id": "i", "a/b~": [1, {"x": 2.50}] } } `)
	tests := []struct {
		pointer jsontext.Pointer
		want    string
	}{
		{"", string(document)},
		{"/status", `"success"`},
		{"/details", `{ "id": "i", "a/b~": [1, {"x": 2.50}] }`},
		{"/details/a~1b~0/1/x", `2.50`},
		{"/details/a~1b~0/0", `1`},
		{"/details/a~1b~0/2", ``},
		{"/missing", ``},
		{"/status/0", ``},
	}
	for _, test := range tests {
		raw := rawjson.At(document, test.pointer)
		if got := string(raw.Raw()); got != test.want {
			t.Errorf("%q leads to %s, want %s", test.pointer, got, test.want)
		}
		if got := string(raw.Document()); got != string(document) {
			t.Errorf("%q: Document() = %s", test.pointer, got)
		}
	}
}

func TestRawIsTheLastOfANameThatIsThereTwice(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"details":{"id":"a"},"details":{"id":"b"}}`:               `{"id":"b"}`,
		`{"details":{"id":"a"},"details":null}`:                     `null`,
		`{"det\u0061ils":{"id":"a"},"details":{"id":"b","id":"c"}}`: `{"id":"b","id":"c"}`,
	} {
		if got := string(rawjson.At(jsontext.Value(text), "/details").Raw()); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestRawIsNoCopy(t *testing.T) {
	t.Parallel()
	document := jsontext.Value(`{"details":{"id":"i"}}`)
	value := rawjson.At(document, "/details").Raw()
	if unsafe.SliceData(value) != &document[len(`{"details":`)] {
		t.Error("Raw() is a copy")
	}
	if appended := append(value, 'x'); strings.Contains(string(document), "x") {
		t.Errorf("appending %c wrote into the document: %s", appended[len(appended)-1], document)
	}
}

func TestRawOfABrokenDocumentLeadsNowhere(t *testing.T) {
	t.Parallel()
	for _, document := range []string{``, `{`, `{"a"`, `{"a":`, `{"b":tru`, `[1,`} {
		if got := rawjson.At(jsontext.Value(document), "/details").Raw(); got != nil {
			t.Errorf("%s: %s", document, got)
		}
	}
	var none rawjson.Source
	if none.Raw() != nil || none.Document() != nil {
		t.Error("the zero Source leads somewhere")
	}
}
