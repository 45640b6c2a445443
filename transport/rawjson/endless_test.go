package rawjson_test

import (
	"errors"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

type (
	toItself *toItself
	toOther  *other
	other    *toOther

	node struct {
		Next  *node `json:"next,omitempty"`
		Up    *node `json:"-"`
		Any   any   `json:"any,omitempty"`
		owner any
	}
	base     struct{ Ref any }
	embedded struct{ base }
	holder   struct {
		Named any `json:"name,omitempty"`
	}
	ownText struct{ self any }
)

func (ownText) MarshalText() ([]byte, error) { return []byte("own"), nil }

// What leads back to itself is an error that names the place, and never a stack
// that overflows.
func TestAValueThatLeadsToItselfIsRefused(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(64 << 20))
	var pointer toItself
	pointer = &pointer
	var one toOther
	two := other(&one)
	one = &two
	var iface any
	iface = &iface
	var twoSteps, between any
	between, twoSteps = &twoSteps, &between
	var named interface{ Error() string }
	object := map[string]any{}
	object["self"] = object
	list := []any{nil, nil}
	list[0], list[1] = list, list
	chain := &node{}
	chain.Next = chain
	viaAny := &node{}
	viaAny.Any = viaAny
	array := new([1]any)
	array[0] = array
	typed := map[string]map[string]any{"a": {}}
	typed["a"]["b"] = typed
	for name, row := range map[string]struct {
		value any
		field string // of the whole, or how it begins
	}{
		"a pointer":                       {pointer, "body"},
		"two pointers":                    {one, "body"},
		"an interface":                    {iface, "body"},
		"two interfaces":                  {twoSteps, "body"},
		"a pointer in a map":              {map[string]any{"a": pointer}, "a"},
		"a pointer in a list":             {[]any{1, []toItself{pointer}}, "[1][0]"},
		"a pointer in an array":           {&[2]any{"", pointer}, "[1]"},
		"a pointer in a struct":           {holder{pointer}, "name"},
		"a pointer in a struct's pointer": {&node{Next: &node{Any: &iface}}, "next.any"},
		"a pointer in an embedded struct": {embedded{base{pointer}}, "Ref"},
		"a pointer in a map of pointers":  {map[int]*any{7: &iface}, "[7]"},
		"a pointer beside a nil":          {map[string]any{"a": named, "b": (*node)(nil), "c": []any{nil, iface}}, "c[1]"},
		"a map":                           {object, "self.self"},
		"a list":                          {list, "[0][0]"},
		"a struct":                        {chain, "next.next"},
		"a struct by an interface":        {viaAny, "any.any"},
		"an array":                        {array, "[0][0]"},
		"a map in a map":                  {typed, "a.b.a.b"},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := rawjson.Encode(row.value)
			mistake, ok := errors.AsType[*errs.ClientError](err)
			if !ok || !strings.HasPrefix(mistake.Field, row.field) || len(err.Error()) > 1000 {
				t.Fatalf("%.100s, %v: want a ClientError for %s", text, err, row.field)
			}
			if _, err := rawjson.EncodeObject("payload", row.value); !errors.Is(err, errs.ErrClient) {
				t.Errorf("as a payload: %v, want a ClientError", err)
			}
		})
	}
}

func TestAValueThatEndsIsEncoded(t *testing.T) {
	t.Parallel()
	root := &node{Next: &node{Any: 1}}
	root.Next.Up, root.owner = root, root // aren't encoded
	shared := map[string]any{"x": 1}
	var self ownText
	self.self = &self
	deep := any("end")
	for range 2000 {
		deep = []any{deep}
	}
	for want, value := range map[string]any{
		`{"next":{"any":1}}`:           root,
		`{"a":{"x":1},"b":{"x":1}}`:    map[string]any{"a": shared, "b": shared},
		`"own"`:                        self,
		`{"name":[null,{"Ref":true}]}`: holder{[]any{nil, &base{Ref: new(any(true))}}},
		`null`:                         (*node)(nil),
		strings.Repeat("[", 2000) + `"end"` + strings.Repeat("]", 2000): deep,
	} {
		if text, err := rawjson.Encode(value); err != nil || string(text) != want {
			t.Errorf("got %.100s, %v; want %.100s", text, err, want)
		}
	}
}
