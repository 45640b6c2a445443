package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// dump finds texts in values as tools for debugging do: by reflection, through
// unexported fields, and without calling methods.
type dump struct {
	text  string
	seen  map[visit]bool
	found []string // paths of the values that hold the text
}

type visit struct {
	at unsafe.Pointer
	of reflect.Type
}

// findText returns the paths at which v holds text.
func findText(v any, text string) []string {
	d := &dump{text: text, seen: make(map[visit]bool)}
	d.walk(reflect.ValueOf(v), fmt.Sprintf("%T", v))
	return d.found
}

func (d *dump) walk(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.String:
		if strings.Contains(v.String(), d.text) {
			d.found = append(d.found, path)
		}
	case reflect.Interface:
		d.walk(v.Elem(), path)
	case reflect.Pointer:
		if v.Type() == reflect.TypeFor[*http.Transport]() {
			return // its buffers hold what was sent, which isn't in our hands
		}
		if d.visit(v.UnsafePointer(), v.Type()) {
			d.walk(v.Elem(), path)
		}
	case reflect.Struct:
		if strings.HasPrefix(v.Type().String(), "atomic.Pointer[") && v.CanAddr() {
			to := v.Type().Field(0).Type.Elem() // of [0]*T
			d.walk(reflect.NewAt(to, v.Addr().UnsafePointer()).Elem(), path)
			return
		}
		for i := range v.NumField() {
			d.walk(v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 && v.Kind() == reflect.Slice {
			if whole := v.Slice3(0, v.Cap(), v.Cap()); strings.Contains(string(whole.Bytes()), d.text) {
				d.found = append(d.found, path)
			}
			return
		}
		if v.Kind() == reflect.Slice && !d.visit(v.UnsafePointer(), v.Type()) {
			return
		}
		for i := range v.Len() {
			d.walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Map:
		if !d.visit(v.UnsafePointer(), v.Type()) {
			return
		}
		for entries := v.MapRange(); entries.Next(); {
			d.walk(entries.Key(), path+"[key]")
			d.walk(entries.Value(), fmt.Sprintf("%s[%v]", path, entries.Key()))
		}
	}
}

// visit reports whether a value wasn't visited before.
func (d *dump) visit(at unsafe.Pointer, of reflect.Type) bool {
	if at == nil || d.seen[visit{at, of}] {
		return false
	}
	d.seen[visit{at, of}] = true
	return true
}

func TestTheDumpFindsTexts(t *testing.T) {
	t.Parallel()
	type inner struct{ text *string }
	holder := new(struct {
		pointer   inner
		any       any
		bytes     []byte
		list      map[string][]any
		itself    any
		unrelated func()
	})
	holder.pointer.text = new("a " + canary)
	holder.any = &inner{new(canary)}
	holder.bytes = []byte(canary + "beyond")[:2]
	holder.list = map[string][]any{"k": {1, http.Header{"Authorization": {canary}}}}
	holder.itself = holder
	if got := findText(holder, canary); len(got) != 4 {
		t.Errorf("it finds %q, want 4 texts", got)
	}
}

// After calls of all kinds, whoever dumps what an application can hold finds no
// token: it is in a closure, and on requests that only the base has.
func TestNoDumpByReflectionShowsASecret(t *testing.T) {
	t.Parallel()
	for name, makeSource := range map[string]func(*testing.T) middleware.TokenSource{
		"a static token": func(*testing.T) middleware.TokenSource { return transport.NewSecret(canary) },
		"a function":     func(*testing.T) middleware.TokenSource { return middleware.TokenFunc(fetching(canary).fetch) },
		"a file": func(t *testing.T) middleware.TokenSource {
			return middleware.TokenFromFile(newTokenFile(t, canary).path)
		},
		"a token that is refreshed": func(*testing.T) middleware.TokenSource {
			n := 0
			return middleware.RefreshingToken(func(context.Context) (transport.Secret, error) {
				n++
				return transport.NewSecret(fmt.Sprint(canary, n)), nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				for _, token := range []string{canary, canary + "2"} {
					s.fake.AddToken(token, prefactortest.Grant{})
				}
				s.cfg.APIToken = transport.NewSecret(canary)
				source := makeSource(t)
				var held []any // by layers outside of auth, observers and the caller
				hold := func(values ...any) { held = append(held, values...) }
				holding := func(name string, scope transport.Scope) transport.Layer {
					return transport.NewLayerFunc(name, scope, func(req *http.Request, next transport.Next) (*http.Response, error) {
						resp, err := next(req)
						hold(req, req.Context(), resp, err, transport.CallFrom(req.Context()))
						return resp, err
					})
				}
				// It reads a response next to the base and puts a copy in its place.
				copying := transport.NewLayerFunc("copying", transport.PerAttempt, func(req *http.Request, next transport.Next) (*http.Response, error) {
					resp, err := next(req)
					if err != nil {
						return nil, err
					}
					transport.Read(req, resp)
					copied := *resp
					return &copied, nil
				})
				stack := s.withSource(source)(middleware.Default(s.cfg)).
					PerCall(holding("outside", transport.PerCall), middleware.Observe("events", middleware.ObserverFunc(func(ctx context.Context, e transport.Event) { hold(ctx, e) }))).
					PerAttempt(holding("attempt", transport.PerAttempt), middleware.Breaker(tally()), middleware.Bulkhead(middleware.NewBulkhead(9), 0)).
					Wire(copying)
				rt := build(t, stack, s.base)
				client, err := transport.NewClient(s.cfg.APIURL, rt)
				if err != nil {
					t.Fatal(err)
				}
				client.OnAnswer(func(ctx context.Context, a *transport.Answer) { hold(ctx, a) })
				for _, fault := range []prefactortest.Fault{
					slow(writes, time.Second),
					prefactortest.On(writes).Reply(401),
					prefactortest.On(writes).Reply(409),
					prefactortest.On(writes).Reply(503).Times(4),
					prefactortest.On(writes).ResetAfter().Times(4),
					prefactortest.On(writes).CutBody(9).Times(4),
					prefactortest.On(writes).HTML(200),
					prefactortest.On(writes).Hang().Times(4),
				} {
					s.fake.Inject(fault)
					time.Sleep(time.Minute)
					var meta transport.Meta
					result, err := client.Do(t.Context(), createAgent, transport.WithMeta(&meta))
					hold(result, meta, err)
					for ; err != nil; err = errors.Unwrap(err) {
						hold(err)
					}
				}
				for _, v := range append(held, s.cfg, stack, rt, client, source, []transport.Layer{middleware.Auth(s.cfg.APIURL, source)},
					fmt.Errorf("with %w", &errs.AuthError{Cause: errors.New("x")})) {
					if found := findText(v, canary); len(found) > 0 {
						t.Errorf("a dump shows the token at %q", found)
					}
				}
				if len(held) < 100 {
					t.Errorf("only %d values were held", len(held))
				}
			})
		})
	}
}
