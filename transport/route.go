package transport

import (
	"net/url"
	"strings"

	"github.com/prefactordev/prefactor-go/errs"
)

// route is a path template such as "/agent_spans/{id}/finish", split once.
type route struct {
	template string
	literals []string // the text before, between and behind the values
	escaped  []string // the same, escaped
	names    []string // of the values, one fewer
}

func newRoute(template string) route {
	r := route{template: template}
	rest := template
	for {
		before, after, found := strings.Cut(rest, "{")
		r.literals = append(r.literals, before)
		r.escaped = append(r.escaped, (&url.URL{Path: before}).EscapedPath())
		if !found {
			return r
		}
		name, after, _ := strings.Cut(after, "}")
		r.names = append(r.names, name)
		rest = after
	}
}

// path puts values into the template. It returns the path plain and escaped.
func (r *route) path(values []string) (plain, escaped string, err error) {
	if err := r.check(values); err != nil {
		return "", "", err
	}
	plain, escaped = r.literals[0], r.escaped[0]
	for i, value := range values {
		plain += value + r.literals[i+1]
		escaped += url.PathEscape(value) + r.escaped[i+1]
	}
	return plain, escaped, nil
}

func (r *route) check(values []string) error {
	for i, name := range r.names {
		if i == len(values) {
			return &errs.ClientError{Field: name, Problem: "is missing: the route " + r.template + " needs it"}
		}
		switch value := values[i]; value {
		case "":
			return &errs.ClientError{Field: name, Problem: "is empty"}
		case ".", "..":
			return &errs.ClientError{Field: name, Problem: "must not be " + value + ", which leads to another path"}
		}
	}
	if len(values) > len(r.names) {
		return &errs.ClientError{Field: "path values", Problem: "are more than the route " + r.template + " has"}
	}
	return nil
}
