package spans_test

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/internal/wiretest"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// card is a payload as a program might have it.
type card struct {
	Number spans.Sensitive `json:"number"`
	hidden spans.Sensitive
	Rest   *struct {
		Code spans.Sensitive `json:"code"`
	} `json:"rest"`
}

const (
	number = "4111-1111-1111-1111"
	code   = "98765432109876543210"
)

func aCard(t *testing.T) card {
	t.Helper()
	var c card
	if err := rawjson.Object(`{"number":{"$sensitive":"string","value":"` + number + `","labels":["card"]},"rest":{"code":` + code + `}}`).Decode(&c); err != nil {
		t.Fatal(err)
	}
	c.hidden = spans.NewSensitive(number)
	return c
}

func TestASensitiveValueIsRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, document, value, text, labels string }{
		{"a string", `{"$sensitive":"string","value":"a\u00fc\"","labels":["card","pci"]}`, `"a\u00fc\""`, `aü"`, "[card pci]"},
		{"a number", `{"$sensitive":"number","value":9007199254740993.10}`, `9007199254740993.10`, `9007199254740993.10`, "[]"},
		{"discarded", `{"$sensitive":"string","value":null}`, `null`, ``, "[]"},
		{"without a value", `{"$sensitive":"string"}`, `null`, ``, "[]"},
		{"with odd labels", `{"$sensitive":"string","value":"v","labels":7}`, `"v"`, `v`, "[]"},
		{"an unmarked string", `"v"`, `"v"`, `v`, "[]"},
		{"an unmarked number", `7`, `7`, `7`, "[]"},
		{"an unmarked null", `null`, `null`, ``, "[]"},
		{"an unmarked object", `{"a":1}`, `{"a":1}`, `{"a":1}`, "[]"},
		{"a mark that is no text", `{"$sensitive":true,"value":1}`, `{"$sensitive":true,"value":1}`, `{"$sensitive":true,"value":1}`, "[]"},
	} {
		for decoder, decode := range decoders {
			var s spans.Sensitive
			if err := decode([]byte(tt.document), &s); err != nil {
				t.Errorf("%s, %s: %v", tt.name, decoder, err)
			}
			if got := string(s.Value()); got != tt.value {
				t.Errorf("%s, %s: Value() = %s, want %s", tt.name, decoder, got, tt.value)
			}
			if s.Text() != tt.text || fmt.Sprint(s.Labels()) != tt.labels {
				t.Errorf("%s, %s: %q, %q", tt.name, decoder, s.Text(), s.Labels())
			}
		}
	}
}

var decoders = map[string]func([]byte, any) error{
	"encoding/json":    stdjson.Unmarshal,
	"encoding/json/v2": func(text []byte, v any) error { return json.Unmarshal(text, v) },
}

func TestASensitiveValueIsSentBackAsItCame(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, document, sent string }{
		{"a string", `{"$sensitive":"string","value":"v","labels":["card"]}`, ``},
		{"a number, with each digit", `{"$sensitive":"number","value":9007199254740993.10}`, ``},
		{"discarded", `{"$sensitive":"string","value":null}`, ``},
		{"with members that aren't known", `{"$sensitive":"string","value":"v","labels":7,"salt":{"a":1}}`, ``},
		{"null", `null`, ``},
		{"an object", `{"a":1}`, ``},
		{"an unmarked string, marked", `"v"`, `{"$sensitive":"string","value":"v"}`},
		{"an unmarked number, marked", `7.10`, `{"$sensitive":"number","value":7.10}`},
	} {
		want := tt.sent
		if want == "" {
			want = tt.document
		}
		for decoder, decode := range decoders {
			var s spans.Sensitive
			if err := decode([]byte(tt.document), &s); err != nil {
				t.Fatal(err)
			}
			if got, err := rawjson.Encode(s); err != nil || string(got) != want {
				t.Errorf("%s, %s: sent as %s, %v; want %s", tt.name, decoder, got, err, want)
			}
			if got, err := stdjson.Marshal(s); err != nil || string(got) != want {
				t.Errorf("%s, %s: encoding/json makes %s, %v; want %s", tt.name, decoder, got, err, want)
			}
		}
	}
	if got, err := rawjson.Encode(spans.NewSensitive("a\xff", "x")); err != nil || string(got) != `{"$sensitive":"string","value":"a`+"\ufffd"+`","labels":["x"]}` {
		t.Errorf("a new value is sent as %s, %v", got, err)
	}
	if got, err := rawjson.Encode(spans.Sensitive{}); err != nil || string(got) != "null" {
		t.Errorf("the zero value is sent as %s, %v", got, err)
	}
}

// The value in a payload keeps what it was read from, and not the reader's buffer.
func TestASensitiveValueIsACopy(t *testing.T) {
	t.Parallel()
	const document = `{"$sensitive":"string","value":"v"}`
	for _, read := range []string{document, `"v"`} {
		text := []byte(read)
		var s spans.Sensitive
		if err := s.UnmarshalJSON(text); err != nil {
			t.Fatal(err)
		}
		copy(text, strings.Repeat("x", len(text)))
		if sent, err := rawjson.Encode(s); s.Text() != "v" || string(sent) != document {
			t.Errorf("%s: Text() = %q, sent as %s, %v", read, s.Text(), sent, err)
		}
	}
	labels := []string{"card"}
	made := spans.NewSensitive("v", labels...)
	labels[0] = "changed"
	made.Labels()[0] = "changed"
	if got := made.Labels(); !slices.Equal(got, []string{"card"}) {
		t.Errorf("Labels() = %q", got)
	}
}

func TestNoPrintShowsASensitiveValue(t *testing.T) {
	t.Parallel()
	c := aCard(t)
	values := map[string]any{"the value": c.Number, "a pointer": &c.Number, "a number": c.Rest.Code, "a struct": c, "a pointer to a struct": &c,
		"a list": []spans.Sensitive{c.Number}, "a map": map[string]any{"n": c.Number, "c": &c}}
	var prints []string
	for name, v := range values {
		for _, verb := range "vTtbcdoOqxXUeEfFgGspw" {
			for _, flags := range []string{"", "+", "#", "-", " ", "0", "+#", "10", ".3"} {
				prints = append(prints, name+" "+fmt.Sprintf("%"+flags+string(verb), v))
			}
		}
		prints = append(prints, name+" "+fmt.Sprint(v), name+" "+dump(reflect.ValueOf(v), 0))
		for _, handler := range []func(*bytes.Buffer) slog.Handler{
			func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			if s, ok := v.(spans.Sensitive); ok {
				var b bytes.Buffer
				slog.New(handler(&b)).Info("paid", "card", s, slog.Group("g", "card", s))
				prints = append(prints, b.String())
			}
		}
	}
	for _, text := range prints {
		if strings.Contains(text, number) || strings.Contains(text, code) || strings.Contains(text, "52 49 49 49") { // the bytes of "4111"
			t.Errorf("shown: %s", text)
		}
	}
	if got := fmt.Sprintf("%v %s %q %d", c.Number, c.Number, &c.Number, c.Rest.Code); got != "[redacted] [redacted] [redacted] [redacted]" {
		t.Errorf("printed %s", got)
	}
}

// dump prints a value as a debugger does: by reflection, with unexported fields.
func dump(v reflect.Value, depth int) string {
	if depth > 8 {
		return ""
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return "nil"
		}
		return dump(v.Elem(), depth+1)
	case reflect.Struct:
		var b strings.Builder
		for i := range v.NumField() {
			b.WriteString(dump(v.Field(i), depth+1) + " ")
		}
		return b.String()
	case reflect.Map:
		var b strings.Builder
		for _, key := range v.MapKeys() {
			b.WriteString(dump(v.MapIndex(key), depth+1) + " ")
		}
		return b.String()
	case reflect.Slice, reflect.Array:
		var b strings.Builder
		for i := range v.Len() {
			b.WriteString(dump(v.Index(i), depth+1) + " ")
		}
		return b.String()
	}
	return v.String()
}

func TestSensitiveValuesAreRedactedAndDiscardedByTheFake(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	client := wiretest.Client(t, prefactortest.New(prefactortest.Strict()))
	run, err := instances.New(client).Register(ctx, instances.RegisterParams{AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID})
	if err != nil {
		t.Fatal(err)
	}
	s := spans.New(client)
	span, err := s.Create(ctx, spans.CreateParams{AgentInstanceID: run.ID, SchemaName: "app:pay", Payload: map[string]any{"number": spans.NewSensitive(number, "card")}, SensitiveEncoding: true})
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string, span *spans.Span, err error, want string) {
		t.Helper()
		var c card
		if err == nil {
			err = span.Payload.Decode(&c)
		}
		if err != nil || c.Number.Text() != want || !slices.Equal(c.Number.Labels(), []string{"card"}) {
			t.Errorf("%s: %q, labels %q, %v", name, c.Number.Text(), c.Number.Labels(), err)
		}
	}
	got, err := s.Get(ctx, span.ID)
	read("Get", got, err, number)
	got, err = s.GetRedacted(ctx, span.ID)
	read("GetRedacted", got, err, "")
	for range 2 {
		got, err = s.DiscardSensitive(ctx, span.ID)
		read("DiscardSensitive", got, err, "")
	}
	got, err = s.Get(ctx, span.ID)
	read("Get afterwards", got, err, "")
}
