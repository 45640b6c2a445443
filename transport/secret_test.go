package transport_test

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestNoPrintShowsASecret(t *testing.T) {
	t.Parallel()
	const canary = "pf_canary_4711"
	secret := transport.NewSecret(canary)
	cfg := middleware.NewConfig("", canary)
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	for _, v := range []any{
		secret, &secret, cfg, &cfg,
		struct{ s transport.Secret }{secret},
		struct{ c middleware.Config }{cfg},
		struct{ p *transport.Secret }{&secret},
		map[string]transport.Secret{"k": secret}, []transport.Secret{secret},
		fmt.Errorf("with %v and %w", secret, fmt.Errorf("%+v", cfg)),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of %T shows the secret: %s", verb, v, text)
			}
		}
		if text, err := json.Marshal(v); err == nil && bytes.Contains(text, []byte(canary)) {
			t.Errorf("JSON of %T shows the secret: %s", v, text)
		}
		if text, err := stdjson.Marshal(v); err == nil && bytes.Contains(text, []byte(canary)) {
			t.Errorf("encoding/json of %T shows the secret: %s", v, text)
		}
		logger.Info("msg", "v", v, slog.Any("any", v))
		func() {
			defer func() {
				if text := fmt.Sprint(recover()); strings.Contains(text, canary) {
					t.Errorf("a panic with %T shows the secret: %s", v, text)
				}
			}()
			panic(v)
		}()
	}
	if strings.Contains(log.String(), canary) {
		t.Errorf("slog shows the secret: %s", log.String())
	}
	if secret.Reveal() != canary {
		t.Error("Reveal doesn't give the text")
	}
	if !(transport.Secret{}).IsZero() || secret.IsZero() {
		t.Error("IsZero is wrong")
	}
}

// Tools that print a value for debugging read it by reflection and call no
// methods.
func TestNoDumpByReflectionShowsASecret(t *testing.T) {
	t.Parallel()
	const canary = "pf_canary_4711"
	cfg := middleware.NewConfig("", canary)
	for _, v := range []any{cfg, &cfg, struct{ s transport.Secret }{cfg.APIToken}, middleware.Auth("https://api.example", cfg.APIToken)} {
		var texts []string
		dump(reflect.ValueOf(v), &texts, 20)
		if text := strings.Join(texts, " "); strings.Contains(text, canary) {
			t.Errorf("a dump of %T shows the secret: %s", v, text)
		}
	}
	var texts []string
	if dump(reflect.ValueOf(struct{ text *string }{new(canary)}), &texts, 20); len(texts) != 1 || texts[0] != canary {
		t.Errorf("the dump of this test finds %q", texts)
	}
}

// dump collects the texts that reflection finds in v.
func dump(v reflect.Value, texts *[]string, depth int) {
	if depth == 0 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		*texts = append(*texts, v.String())
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			dump(v.Elem(), texts, depth-1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			dump(v.Field(i), texts, depth-1)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			dump(v.Index(i), texts, depth-1)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			dump(key, texts, depth-1)
			dump(v.MapIndex(key), texts, depth-1)
		}
	}
}
