package prefactortest

import (
	"maps"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A call is one operation with its input: a request, or an item of a bulk
// request.
type call struct {
	op            *operation // nil if no route matched
	method, path  string
	authorization string
	grant         Grant
	id            string // from the route
	inBulk        bool
	text          []byte // the body
	body          params
	query         query
	headerKey     string
	bodyKey       string

	set         *settings
	errs        []fieldError
	dropped     []string // see Exchange.Dropped
	bodyProblem string   // why the body isn't a JSON object
}

// newCall parses a request.
func newCall(f *Fake, r request) *call {
	c := &call{
		method:        r.method,
		path:          r.url.EscapedPath(),
		authorization: r.header.Get("Authorization"),
		headerKey:     r.header.Get("Idempotency-Key"),
		text:          r.body,
		set:           &f.set,
	}
	c.op, c.id = route(c.method, c.path)
	c.query = query{call: c, values: r.url.Query()}
	doc, problem := decodeObject(r.body)
	if problem == "" && len(r.body) > 0 && f.set.strict && !isJSON(r.header.Get("Content-Type")) {
		problem = "a body needs the content type application/json"
	}
	c.bodyProblem = problem
	c.setBody(doc)
	return c
}

// setBody sets the call's body and its idempotency key.
func (c *call) setBody(doc map[string]jsontext.Value) {
	c.body = params{call: c, doc: doc}
	c.bodyKey = c.body.text("idempotency_key", optional)
	if c.bodyKey == "" && c.set.unknown == ignoreUnknown && c.body.kind("details") == '{' {
		c.bodyKey = c.body.object("details", optional).text("idempotency_key", optional)
	}
}

func isJSON(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == "application/json"
}

// decodeObject parses a body: a JSON object, or nothing.
func decodeObject(body []byte) (doc map[string]jsontext.Value, problem string) {
	if len(body) == 0 {
		return nil, ""
	}
	doc, ok := members(body)
	if !ok {
		return nil, "the body is not a JSON object"
	}
	return doc, ""
}

// details returns the object that describes what to create or change. Outside
// strict mode a bulk item may have these fields at its top level.
func (c *call) details() *params {
	if c.inBulk && !c.set.strict && !c.body.has("details") {
		return &c.body
	}
	return c.body.object("details", needed)
}

// key returns the idempotency key, of the header or the body.
func (c *call) key() string {
	if c.bodyKey != "" {
		return c.bodyKey
	}
	return c.headerKey
}

// exchange returns the journal's record of the request.
func (c *call) exchange(r request) Exchange {
	x := Exchange{
		Conn:      r.conn,
		Time:      c.set.clock(),
		Method:    r.method,
		Path:      r.url.Path,
		Query:     r.url.Query(),
		Header:    r.header,
		Body:      r.body,
		HeaderKey: c.headerKey,
		BodyKey:   c.bodyKey,
		Key:       c.key(),
	}
	if c.op != nil {
		x.Operation = c.op.name
	}
	return x
}

// checkKey refuses an invalid idempotency key.
func (c *call) checkKey() {
	longest := 128
	if c.set.strict {
		longest = 64
	}
	switch {
	case c.headerKey != "" && c.bodyKey != "" && c.headerKey != c.bodyKey:
		c.refuse(invalidValue("differs from the Idempotency-Key header", "idempotency_key"))
	case utf8.RuneCountInString(c.key()) > longest:
		c.refuse(invalidValue("is too long", "idempotency_key"))
	case c.set.strict && c.body.has("idempotency_key") && c.bodyKey == "":
		c.refuse(invalidValue("is empty", "idempotency_key"))
	}
}

func (c *call) refuse(e fieldError) { c.errs = append(c.errs, e) }

// unknown refuses, notes or ignores the fields or parameters of given that
// aren't known. at returns their path.
func unknown[V any](c *call, given map[string]V, known []string, at func(name string) []string) {
	if c.set.unknown == ignoreUnknown {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		path := strings.Join(at(name), ".")
		switch {
		case slices.Contains(known, name):
		case c.set.unknown == refuseUnknown:
			c.refuse(invalidValue("is not known to this operation", at(name)...))
		case !slices.Contains(c.dropped, path): // a flat bulk item is checked twice
			c.dropped = append(c.dropped, path)
		}
	}
}

// invalid returns nil if every field of the call is valid.
func (c *call) invalid() *failure {
	if len(c.errs) == 0 {
		return nil
	}
	return invalid(c.errs...)
}
