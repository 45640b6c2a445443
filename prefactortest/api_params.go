package prefactortest

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

type presence bool

const (
	needed   presence = true
	optional presence = false
)

// params reads a JSON object field by field and adds the errors to its call. A
// null field counts as absent.
type params struct {
	call   *call
	parent *params        // nil for the whole body
	name   string         // in the parent
	json   jsontext.Value // its text, of an element of an array
	doc    map[string]jsontext.Value
	known  []string
}

// refuse notes that the field has an invalid value.
func (p *params) refuse(name, message string) {
	p.call.refuse(invalidValue(message, p.at(name)...))
}

// at returns the path of a field in the body.
func (p *params) at(name string) []string {
	if p.parent == nil {
		return []string{name}
	}
	return append(p.parent.at(p.name), name)
}

func (p *params) kind(name string) jsontext.Kind { return p.doc[name].Kind() }

// has reports whether the field is present, null included.
func (p *params) has(name string) bool {
	_, ok := p.doc[name]
	return ok
}

// value returns the field, or nil if it is absent or null.
func (p *params) value(name string, need presence) jsontext.Value {
	if p.call.set.unknown != ignoreUnknown {
		p.known = append(p.known, name)
	}
	v := p.doc[name]
	if v.Kind() == 'n' {
		v = nil
	}
	if v == nil && need {
		p.call.refuse(required(p.at(name)...))
	}
	return v
}

// typed returns the field if it is of one of the kinds.
func (p *params) typed(name string, need presence, what string, kinds ...jsontext.Kind) jsontext.Value {
	v := p.value(name, need)
	if v != nil && !slices.Contains(kinds, v.Kind()) {
		p.refuse(name, "must be "+what)
		return nil
	}
	return v
}

func (p *params) text(name string, need presence) string {
	v := p.typed(name, need, "a string", '"')
	if v == nil {
		return ""
	}
	s := unquote(v)
	if s == "" && bool(need) {
		p.call.refuse(required(p.at(name)...))
	}
	return s
}

// id returns a client-chosen id, or a reference to one.
func (p *params) id(name string, need presence) string {
	s := p.text(name, need)
	if s != "" && !p.call.set.anyIDs && !isPFID(s) {
		p.refuse(name, "is not a PFID")
	}
	return s
}

func (p *params) oneOf(name string, need presence, values ...string) string {
	s := p.text(name, need)
	if s != "" && !slices.Contains(values, s) {
		p.refuse(name, "must be one of "+strings.Join(values, ", "))
	}
	return s
}

func (p *params) flag(name string) bool {
	return p.typed(name, optional, "a boolean", 't', 'f').Kind() == 't'
}

func (p *params) number(name string) int {
	v := p.typed(name, needed, "a number", '0')
	if v == nil {
		return 0
	}
	n, err := strconv.Atoi(string(v))
	if err != nil {
		p.refuse(name, "must be a whole number")
	}
	return n
}

// time returns a timestamp, or the zero time if it is absent.
func (p *params) time(name string) time.Time {
	s := p.text(name, optional)
	if s == "" {
		return time.Time{}
	}
	t, problem := parseTime(s)
	if problem != "" {
		p.refuse(name, problem)
	}
	return t
}

func parseTime(s string) (t time.Time, problem string) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, ""
	}
	if _, err := time.Parse("2006-01-02T15:04:05.999999999", s); err == nil {
		return time.Time{}, "has no time zone"
	}
	return time.Time{}, "is not an RFC 3339 timestamp"
}

// raw returns an object as its JSON text, to be kept.
func (p *params) raw(name string, need presence) jsontext.Value {
	return p.typed(name, need, "an object", '{').Clone()
}

// object returns an object to read from, which is empty if the field is absent.
func (p *params) object(name string, need presence) *params {
	v := p.typed(name, need, "an object", '{')
	doc, _ := members(v, checked)
	return &params{call: p.call, parent: p, name: name, doc: doc}
}

// record returns an object as its JSON text. Fields that aren't in known are
// unknown.
func (p *params) record(name string, known ...string) jsontext.Value {
	v := p.raw(name, optional)
	doc, _ := members(v) // its syntax was checked with the body
	inner := params{parent: p, name: name}
	unknown(p.call, doc, known, inner.at)
	return v
}

// objects returns the elements of an array of objects.
func (p *params) objects(name string, need presence) []*params {
	v := p.typed(name, need, "an array", '[')
	if v == nil {
		return nil
	}
	list := &params{call: p.call, parent: p, name: name}
	var objects []*params
	for n, o := range elements(v) {
		at := strconv.Itoa(n)
		if o.members == nil {
			list.refuse(at, "must be an object")
			continue
		}
		objects = append(objects, &params{call: p.call, parent: list, name: at, json: o.json, doc: o.members})
	}
	return objects
}

// outdated returns an object in a field that the API doesn't have any more, and
// whether the fake takes the field and has it.
func (p *params) outdated(name string) (v jsontext.Value, given bool) {
	if p.call.set.unknown == dropUnknown {
		return nil, false
	}
	return p.raw(name, optional), p.has(name)
}

// done ends the reading: the other fields are unknown.
func (p *params) done() { unknown(p.call, p.doc, p.known, p.at) }
