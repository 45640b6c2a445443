package transport_test

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"log/slog"
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
