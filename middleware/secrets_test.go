package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// canary is a token that must not be shown anywhere.
const canary = "canary-5f1d"

// shows returns a value in every form in which it may be printed.
func shows(values ...any) string {
	var all strings.Builder
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%s", "%x", "%d"} {
			fmt.Fprintf(&all, verb+"\n", v)
		}
		text, _ := json.Marshal(v)
		all.Write(text)
		var logged bytes.Buffer
		slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "v", v)
		all.Write(logged.Bytes())
	}
	return all.String()
}

// assertHidden fails the test if a text shows the token.
func assertHidden(t *testing.T, what, text string) {
	t.Helper()
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%d", []byte(canary))} {
		if at := strings.Index(text, form); at >= 0 {
			t.Errorf("%s shows the token: …%s…", what, text[max(0, at-100):min(len(text), at+100)])
		}
	}
}

func TestNoErrorEventRecordOrPrintShowsAToken(t *testing.T) {
	t.Parallel()
	file := newTokenFile(t, canary)
	t.Cleanup(func() { assertHidden(t, "the file's source", shows(middleware.TokenFromFile(file.path))) })
	sources := map[string]func(*testing.T) middleware.TokenSource{
		"a static token": func(*testing.T) middleware.TokenSource { return transport.NewSecret(canary) },
		"a function": func(*testing.T) middleware.TokenSource {
			return middleware.TokenFunc(fetching(canary).fetch)
		},
		"a file": func(*testing.T) middleware.TokenSource { return middleware.TokenFromFile(file.path) },
		"a token that is refreshed": func(*testing.T) middleware.TokenSource {
			source, _ := refreshing("expired-"+canary, canary)
			return source
		},
		"a refresh that fails": func(*testing.T) middleware.TokenSource {
			n := 0
			source := middleware.RefreshingToken(func(context.Context) (transport.Secret, error) {
				if n++; n > 1 {
					return transport.NewSecret(canary), errors.New("down")
				}
				return transport.NewSecret("expired-" + canary), nil
			})
			_, _ = source.Token(context.Background())
			time.Sleep(time.Minute)
			return source
		},
		"a token that no header can carry": func(*testing.T) middleware.TokenSource {
			return middleware.TokenFunc(fetching(canary + "\r\n").fetch)
		},
	}
	faults := map[string]prefactortest.Fault{
		"none":        prefactortest.On(writes).Optional().Times(1).Delay(1),
		"401":         prefactortest.On(writes).Optional().Always().Reply(401),
		"409":         prefactortest.On(writes).Optional().Reply(409),
		"503":         prefactortest.On(writes).Optional().Always().Reply(503),
		"a reset":     prefactortest.On(writes).Optional().Always().ResetAfter(),
		"a cut body":  prefactortest.On(writes).Optional().Always().CutBody(9),
		"a page":      prefactortest.On(writes).Optional().HTML(200),
		"a redirect":  prefactortest.On(writes).Optional().Redirect(302, "https://evil.example/?token=x"),
		"no response": prefactortest.On(writes).Optional().Always().Hang(),
		"a malformed": prefactortest.On(writes).Optional().Malformed(200),
	}
	for name, makeSource := range sources {
		for fault, inject := range faults {
			t.Run(name+" and "+fault, func(t *testing.T) {
				t.Parallel()
				onSite(t, func(t *testing.T, s *site) {
					s.fake.AddToken(canary, prefactortest.Grant{})
					s.fake.Inject(inject)
					source := makeSource(t)
					var text logged
					var seen strings.Builder
					observer := middleware.ObserverFunc(func(ctx context.Context, e transport.Event) {
						seen.WriteString(shows(e, transport.CallFrom(ctx)))
					})
					options := []middleware.LogOption{middleware.LogBodies(1 << 20), middleware.LogHeaders("X-Request-Id", "Content-Type")}
					stack := s.withSource(source)(middleware.Default(s.cfg)).PerCall(
						middleware.Log(text.logger(slog.LevelDebug), options...),
						middleware.Observe("events", observer),
						middleware.OnControl(func(context.Context, middleware.Control) {}),
					).Before("idempotency", transport.NewLayerFunc("outside", transport.PerCall,
						func(req *http.Request, next transport.Next) (*http.Response, error) {
							resp, err := next(req)
							seen.WriteString(shows(req.Header, resp))
							return resp, err
						}))
					rt := build(t, stack, s.base)
					client, err := transport.NewClient(s.cfg.APIURL, rt)
					if err != nil {
						t.Error(err)
						return
					}
					result, err := client.Do(t.Context(), createAgent, transport.WithTimeout(10*time.Minute))
					assertHidden(t, "an error", shows(err))
					for wrapped := err; wrapped != nil; wrapped = errors.Unwrap(wrapped) {
						assertHidden(t, "an error inside", shows(wrapped))
					}
					assertHidden(t, "a result", shows(result))
					assertHidden(t, "a source", shows(source))
					assertHidden(t, "a stack", shows(stack, rt, client)+stack.String())
					assertHidden(t, "a layer outside, or an observer", seen.String())
					assertHidden(t, "the log", strings.Join(text.lines(), "\n"))
				})
			})
		}
	}
}

func TestNoPanicShowsAToken(t *testing.T) {
	t.Parallel()
	base := baseFunc(func(req *http.Request) (*http.Response, error) { panic("base") })
	var text logged
	stack := middleware.Default(middleware.NewConfig("https://prefactor.test", canary)).
		PerCall(middleware.Log(text.logger(slog.LevelDebug), middleware.LogBodies(1000)))
	client := newClient(t, stack, "https://prefactor.test", base)
	defer func() {
		t.Helper()
		got := recover()
		if got != "base" {
			t.Errorf("it panicked with %v, want the base's own panic", got)
		}
		assertHidden(t, "the panic", shows(got))
		assertHidden(t, "the log", strings.Join(text.lines(), "\n"))
	}()
	_ = write(t.Context(), client)
}
