package middleware_test

import (
	"errors"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestAllAttemptsOfACallHaveOneKey(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.cfg.DefaultIdempotencyKey = "billing-"
		client := s.retrying(perCall())
		for range 2 {
			s.fake.Inject(prefactortest.On(writes).Times(2).Reply(503))
			if err := write(t.Context(), client); err != nil {
				t.Fatal(err)
			}
		}
		keys := make(map[string]int)
		for _, x := range s.fake.Journal() {
			if x.HeaderKey != x.BodyKey {
				t.Errorf("%q in the header, %q in the body", x.HeaderKey, x.BodyKey)
			}
			keys[x.Key]++
			if generated, ok := strings.CutPrefix(x.Key, "billing-"); !ok || !uuid4.MatchString(generated) {
				t.Errorf("the key %q is not the prefix and a random UUID", x.Key)
			}
		}
		if len(keys) != 2 {
			t.Errorf("two calls have the keys %v", keys)
		}
	})
}

func TestACallersKeyIsKept(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		s.fake.Inject(prefactortest.On(writes).Reply(503))
		var meta transport.Meta
		_, err := s.retrying(perCall()).Do(t.Context(), transport.Request{Method: http.MethodPost, Path: "/agent",
			Body: map[string]any{"details": map[string]any{"name": "crawler"}}},
			transport.WithIdempotencyKey("mine-0001"), transport.WithMeta(&meta))
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range s.fake.Journal() {
			if x.HeaderKey != "mine-0001" || x.BodyKey != "mine-0001" {
				t.Errorf("%q in the header, %q in the body", x.HeaderKey, x.BodyKey)
			}
		}
		if meta.Key != "mine-0001" {
			t.Errorf("Meta has the key %q", meta.Key)
		}
	})
}

func TestAReadHasNoKey(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		if err := read(t.Context(), s.client(perCall())); err != nil {
			t.Fatal(err)
		}
		if x := s.fake.Journal()[0]; x.Key != "" {
			t.Errorf("the key is %q", x.Key)
		}
	})
}

// net/http sends header and body in one packet only if it knows that the body
// doesn't block.
func TestTheBodyKeepsATypeThatNetHTTPKnows(t *testing.T) {
	t.Parallel()
	want := io.NopCloser(strings.NewReader(""))
	var same bool
	rt := build(t, transport.NewStack(middleware.Idempotency("")), baseFunc(func(req *http.Request) (*http.Response, error) {
		same = reflect.TypeOf(req.Body) == reflect.TypeOf(want)
		return answerWith(http.StatusOK, "application/json", http.NoBody), nil
	}))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", strings.NewReader(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if !same {
		t.Error("the body isn't an io.NopCloser")
	}
}

func TestALongPrefixIsRefused(t *testing.T) {
	t.Parallel()
	for prefix, ok := range map[string]bool{strings.Repeat("p", 28): true, strings.Repeat("p", 29): false, "a b": false} {
		_, err := transport.NewStack(middleware.Idempotency(prefix)).RoundTripper(http.DefaultTransport)
		if ok != (err == nil) || !ok && !errors.Is(err, errs.ErrClient) {
			t.Errorf("%q: got %v", prefix, err)
		}
	}
}
