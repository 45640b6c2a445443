package rawjson

import (
	"cmp"
	stdencoding "encoding"
	stdjson "encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// findEndless returns where in v a pointer leads to itself through nothing but
// pointers and interfaces. encoding/json/v2 would follow it until the stack
// overflows, which ends the program. It finds all other cycles by itself.
func findEndless(v any) (at jsontext.Pointer, found bool) {
	at, end := search(v, 0)
	return at, end == endless
}

// ending is how a search ended.
type ending int

const (
	finite  ending = iota
	endless        // a pointer leads to itself
	deep           // deeper than maxDepth, from where on encoding/json/v2 looks for cycles of all kinds
)

const maxDepth = 1000

// maxChain is the longest chain of pointers and interfaces that isn't taken for
// one that leads to itself.
const maxChain = 1000

func search(v any, depth int) (jsontext.Pointer, ending) {
	switch v := v.(type) {
	case nil, string, bool, float64, int, int64: // quick
		return "", finite
	case map[string]any:
		if depth > maxDepth {
			return "", deep
		}
		for name, member := range v {
			if at, end := search(member, depth+1); end != finite {
				return within(name, at), end
			}
		}
		return "", finite
	case []any:
		if depth > maxDepth {
			return "", deep
		}
		for i, element := range v {
			if at, end := search(element, depth+1); end != finite {
				return within(strconv.Itoa(i), at), end
			}
		}
		return "", finite
	}
	return searchValue(reflect.ValueOf(v), depth)
}

func searchValue(v reflect.Value, depth int) (jsontext.Pointer, ending) {
	if depth > maxDepth {
		return "", deep
	}
	for range maxChain {
		switch {
		case !v.IsValid() || !shapeOf(v.Type()).endless:
			return "", finite
		case v.Kind() != reflect.Pointer && v.Kind() != reflect.Interface:
			return searchIn(v, depth)
		}
		v = v.Elem()
	}
	return "", endless
}

// searchIn searches the members of a struct, a map, a slice or an array.
func searchIn(v reflect.Value, depth int) (jsontext.Pointer, ending) {
	switch v.Kind() {
	case reflect.Struct:
		for _, field := range shapeOf(v.Type()).fields {
			if at, end := searchValue(v.Field(field.index), depth+1); end != finite {
				return field.name + at, end
			}
		}
	case reflect.Map:
		if v.Type() == reflect.TypeFor[map[string]any]() && v.CanInterface() {
			return search(v.Interface(), depth) // without allocations
		}
		for entries := v.MapRange(); entries.Next(); {
			if at, end := searchValue(entries.Value(), depth+1); end != finite {
				return within(fmt.Sprint(entries.Key()), at), end
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if at, end := searchValue(v.Index(i), depth+1); end != finite {
				return within(strconv.Itoa(i), at), end
			}
		}
	}
	return "", finite
}

func within(name string, at jsontext.Pointer) jsontext.Pointer {
	return jsontext.Pointer("").AppendToken(name) + at
}

// encoded reports whether a struct's field is part of its JSON.
func encoded(field reflect.StructField) bool {
	return (field.IsExported() || field.Anonymous) && field.Tag.Get("json") != "-"
}

// shape is what a search needs to know of a type.
type shape struct {
	endless bool // a value may hold a pointer that leads to itself
	fields  []shapeField
}

// shapeField is a field of a struct that may hold such a pointer.
type shapeField struct {
	index int
	name  jsontext.Pointer // empty for an embedded struct, whose members are the outer one's
}

var shapes sync.Map // of reflect.Type to *shape

func shapeOf(t reflect.Type) *shape {
	if known, ok := shapes.Load(t); ok {
		return known.(*shape)
	}
	s := &shape{endless: leadsAnywhere(t, make(map[reflect.Type]bool))}
	if s.endless && t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			field := t.Field(i)
			if !encoded(field) || !leadsAnywhere(field.Type, make(map[reflect.Type]bool)) {
				continue
			}
			s.fields = append(s.fields, shapeField{i, nameOf(field)})
		}
	}
	known, _ := shapes.LoadOrStore(t, s)
	return known.(*shape)
}

func nameOf(field reflect.StructField) jsontext.Pointer {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	if name == "" && field.Anonymous {
		return ""
	}
	return within(cmp.Or(name, field.Name), "")
}

// leadsAnywhere reports whether t has an interface in it, or a pointer type that
// points to itself. seen are the types that were looked at.
func leadsAnywhere(t reflect.Type, seen map[reflect.Type]bool) bool {
	switch {
	case seen[t] || hasMethod(t, marshalers): // if it has a method for it, that decides
		return false
	case t.Kind() == reflect.Interface:
		return true
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer:
		for range maxChain {
			if t = t.Elem(); t.Kind() != reflect.Pointer {
				return leadsAnywhere(t, seen)
			}
		}
		return true
	case reflect.Slice, reflect.Array, reflect.Map:
		return leadsAnywhere(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if field := t.Field(i); encoded(field) && leadsAnywhere(field.Type, seen) {
				return true
			}
		}
	}
	return false
}

var marshalers = []reflect.Type{
	reflect.TypeFor[json.MarshalerTo](), reflect.TypeFor[stdjson.Marshaler](),
	reflect.TypeFor[stdencoding.TextAppender](), reflect.TypeFor[stdencoding.TextMarshaler](),
}
