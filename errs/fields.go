package errs

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of what is made of an error document, whatever its size.
const (
	maxErrors = 1 << 20  // bytes of JSON that are looked at
	maxFields = 100      // complaints
	maxText   = 64 << 10 // bytes of text in all
	maxDepth  = 32       // of nested fields; anything deeper is kept as its JSON text
)

// budget is how many bytes of text may still be made of a document.
type budget int

// take returns s, cut to what is left of the budget.
func (b *budget) take(s string) string {
	if len(s) > int(*b) {
		s = strings.ToValidUTF8(s[:*b], "") + "…"
		*b = 0
		return s
	}
	*b -= budget(len(s))
	return s
}

// flatten turns the "errors" member of an error document into a list. It
// accepts every shape seen in the API's responses, nested in any way: a string,
// a list of strings, an object with code and message, and objects that hold
// these by field. If the bounds leave complaints out, the last field says how
// many.
func flatten(errors jsontext.Value, text budget) []Field {
	if len(errors) > maxErrors {
		return []Field{{Message: fmt.Sprintf("%d bytes left out", len(errors))}}
	}
	c := collector{
		source: errors, dec: jsontext.NewDecoder(bytes.NewBuffer(errors), lenient),
		collected: collected{text: text},
	}
	if len(errors) > 0 {
		c.value(maxDepth)
	}
	if c.left > 0 {
		c.fields = append(c.fields, Field{Message: fmt.Sprintf("%d more left out", c.left)})
	}
	return c.fields
}

// collector makes fields of a JSON text, in one pass and without copies of its
// parts.
type collector struct {
	source jsontext.Value
	dec    *jsontext.Decoder // of source
	broken bool              // source is, from here on
	path   []byte            // of the next value
	collected
}

// collected is what was made so far.
type collected struct {
	fields []Field
	left   int // how many fields were left out
	text   budget
}

// value collects the next value.
func (c *collector) value(depth int) {
	switch kind := c.dec.PeekKind(); {
	case kind == '{' && depth > 0:
		c.object(depth)
	case kind == '[' && depth > 0:
		c.array(depth)
	default:
		c.leaf()
	}
}

// leaf collects a value as one field, and returns its JSON text.
func (c *collector) leaf() jsontext.Value {
	value, err := c.dec.ReadValue()
	if err != nil {
		c.broken = true
		return nil
	}
	end := int(c.dec.InputOffset())
	value = c.source[end-len(value) : end]
	if value.Kind() != 'n' {
		c.add(nil, value)
	}
	return value
}

func (c *collector) array(depth int) {
	c.delimiter()
	end := len(c.path)
	for i := 0; c.more(']'); i++ {
		if c.dec.PeekKind() != '"' {
			c.path = append(strconv.AppendInt(append(c.path, '['), int64(i), 10), ']')
		}
		c.value(depth - 1)
		c.path = c.path[:end]
	}
	c.delimiter()
}

// object collects an object: as one field if it has a code or a message, as the
// fields of its member "errors" if it has that too, and otherwise as the fields
// of all its members.
func (c *collector) object(depth int) {
	c.delimiter()
	before, end := c.collected, len(c.path)
	var code, message jsontext.Value
	var errorsBegin, errorsEnd collected
	for c.more('}') {
		name, from := c.name(), c.collected
		switch isText := c.dec.PeekKind() == '"'; {
		case isText && string(name) == "code":
			code = c.leaf()
		case isText && string(name) == "message":
			message = c.leaf()
		default:
			c.value(depth - 1)
		}
		if string(name) == "errors" {
			errorsBegin, errorsEnd = from, c.collected
		}
		c.path = c.path[:end]
	}
	c.delimiter()
	if len(code) <= len(`""`) && len(message) <= len(`""`) {
		return
	}
	c.collected = before
	c.adopt(errorsBegin, errorsEnd)
	if len(c.fields) == len(before.fields) && c.left == before.left {
		c.add(code, message)
	}
}

// adopt keeps what was collected between two moments, as fields of the path as it
// is now, without the member "errors".
func (c *collector) adopt(from, to collected) {
	prefix := len(c.path) + len(".errors")
	if len(c.path) == 0 {
		prefix = len("errors")
	}
	for _, f := range to.fields[len(from.fields):] {
		if len(f.Path) >= prefix {
			f.Path = string(c.path) + f.Path[prefix:]
		}
		if len(c.path) == 0 {
			f.Path = strings.TrimPrefix(f.Path, ".")
		}
		c.fields = append(c.fields, f)
	}
	c.left += to.left - from.left
	c.text -= from.text - to.text
}

// add adds a field for the path as it is now, with two JSON texts.
func (c *collector) add(code, message jsontext.Value) {
	if len(c.fields) == maxFields || c.text == 0 {
		c.left++
		return
	}
	f := Field{Path: c.text.take(string(c.path)), Code: c.text.take(text(code)), Message: c.text.take(text(message))}
	if kind := message.Kind(); len(message) > 0 && kind != '"' {
		f.Message = c.text.take(Words(string(message)))
	}
	c.fields = append(c.fields, f)
}

// name reads the name of a member onto the path, and returns it.
func (c *collector) name() []byte {
	name, err := c.dec.ReadValue()
	if err != nil {
		c.broken = true
		return nil
	}
	if len(c.path) > 0 {
		c.path = append(c.path, '.')
	}
	begin := len(c.path)
	c.path, _ = jsontext.AppendUnquote(c.path, name) // the error is about invalid UTF-8, which is replaced
	return c.path[begin:]
}

// more reports whether there is something to read before the end of an object or
// array.
func (c *collector) more(end jsontext.Kind) bool {
	kind := c.dec.PeekKind()
	return !c.broken && kind != end && kind > 0
}

// delimiter reads the beginning or end of an object or array.
func (c *collector) delimiter() {
	if _, err := c.dec.ReadToken(); err != nil {
		c.broken = true
	}
}
