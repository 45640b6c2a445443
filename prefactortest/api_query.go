package prefactortest

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A query reads a call's query parameters and adds their errors to the call.
type query struct {
	call   *call
	values url.Values
	known  []string
}

func (q *query) text(name string) string {
	q.known = append(q.known, name)
	return q.values.Get(name)
}

// flag returns a boolean, false if it is absent.
func (q *query) flag(name string) bool {
	s := q.text(name)
	if s != "" && s != "true" && s != "false" {
		q.refuse(name, "must be true or false")
	}
	return s == "true"
}

func (q *query) oneOf(name string, values ...string) string {
	s := q.text(name)
	if s != "" && !slices.Contains(values, s) {
		q.refuse(name, "must be one of "+strings.Join(values, ", "))
	}
	return s
}

// either returns two parameters of which exactly one must be given.
func (q *query) either(name, other string) (value, otherValue string) {
	value, otherValue = q.text(name), q.text(other)
	switch {
	case value == "" && otherValue == "":
		q.call.refuse(required(name))
	case value != "" && otherValue != "":
		q.refuse(other, "can't be given together with "+name)
	}
	return value, otherValue
}

func (q *query) time(name string) time.Time {
	s := q.text(name)
	if s == "" {
		return time.Time{}
	}
	t, problem := parseTime(s)
	if problem != "" {
		q.refuse(name, problem)
	}
	return t
}

// number returns a whole number from least to most, or otherwise if it is
// absent or invalid.
func (q *query) number(name string, least, most, otherwise int) int {
	s := q.text(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		q.refuse(name, "must be a whole number from "+strconv.Itoa(least)+" to "+strconv.Itoa(most))
		return otherwise
	}
	return n
}

func (q *query) refuse(name, message string) { q.call.refuse(invalidValue(message, name)) }

// done ends the reading: the other parameters are unknown.
func (q *query) done() {
	unknown(q.call, q.values, q.known, func(name string) []string { return []string{name} })
}

// queryOf turns a bulk item's fields into query parameters:
// {"pagination":{"offset":1}} becomes pagination[offset]=1.
func queryOf(doc map[string]jsontext.Value) url.Values {
	values := make(url.Values)
	for name, v := range doc {
		if v.Kind() != '{' {
			values.Set(name, plain(v))
			continue
		}
		inner, _ := members(v) // its syntax was checked with the body
		for field, v := range inner {
			values.Set(name+"["+field+"]", plain(v))
		}
	}
	return values
}

// plain returns a JSON scalar as a query parameter.
func plain(v jsontext.Value) string {
	if v.Kind() != '"' {
		return string(v)
	}
	return unquote(v)
}
