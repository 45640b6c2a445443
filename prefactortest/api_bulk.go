package prefactortest

import (
	"fmt"
	"net/http"
	"unicode/utf8"
)

const bulkExecute = "bulk.execute"

// shortestItemKey is the least length of a bulk item's key, in characters.
const shortestItemKey = 8

// performBulk runs the items in order and stops at the first that fails.
// Each item has its own idempotency key. The key of the whole request, in the
// header, is remembered if all items succeed.
func (f *Fake) performBulk(c *call) *reply {
	c.checkKey()
	items := readItems(f, c)
	c.body.done()
	c.query.done()
	if problem := c.invalid(); problem != nil {
		return fail(problem)
	}
	f.mu.Lock()
	known := f.recall(c)
	f.mu.Unlock()
	if known != nil {
		return known
	}
	r, ok := f.runItems(c, items)
	if ok {
		f.mu.Lock()
		f.remember(c, r)
		f.mu.Unlock()
	}
	return r
}

// runItems returns the reply to c and whether every item succeeded.
func (f *Fake) runItems(c *call, items []*call) (r *reply, ok bool) {
	r, ok = &reply{status: http.StatusOK}, true
	const typical = 1 << 10 // bytes of an item's output
	outputs := append(make([]byte, 0, typical*len(items)), `{"status":"success","outputs":{`...)
	for n, item := range items {
		out := f.runItem(item)
		for _, field := range item.dropped {
			c.dropped = append(c.dropped, fmt.Sprintf("items.%d.%s", n, field))
		}
		if n > 0 {
			outputs = append(outputs, ',')
		}
		outputs = append(append(appendQuoted(outputs, item.bodyKey), ':'), out.encoded()...)
		r.committed = r.committed || out.committed
		if ok = out.ok(); !ok {
			break
		}
	}
	r.doc = encodedDoc(append(outputs, "}}"...))
	return r, ok
}

func (f *Fake) runItem(item *call) *reply {
	if problem := item.grant.allows(item.op); problem != nil {
		return fail(problem)
	}
	return f.perform(item)
}

// readItems makes a call of each item. An item without a known type or its own
// key makes the whole request invalid.
func readItems(f *Fake, c *call) []*call {
	objects := c.body.objects("items", needed)
	if len(objects) == 0 && len(c.errs) == 0 {
		c.refuse(required("items"))
	}
	items := make([]*call, 0, len(objects))
	seen := make(map[string]bool, len(objects))
	for _, p := range objects {
		op := operationsByItem[p.text("_type", needed)]
		if op == nil && p.has("_type") {
			p.refuse("_type", "is not an operation that the fake knows in bulk")
		}
		key := p.text("idempotency_key", needed)
		switch {
		case key == "":
		case utf8.RuneCountInString(key) < shortestItemKey:
			p.refuse("idempotency_key", fmt.Sprintf("must have at least %d characters", shortestItemKey))
		case seen[key]:
			p.refuse("idempotency_key", "is not unique in the request")
		}
		seen[key] = true
		if op != nil {
			items = append(items, newItem(f, c, op, p))
		}
	}
	return items
}

// newItem makes the call that p, an item of c, describes. It takes p's fields
// over.
func newItem(f *Fake, c *call, op *operation, p *params) *call {
	item := &call{op: op, grant: c.grant, inBulk: true, text: p.json, set: &f.set}
	doc := p.doc
	delete(doc, "_type")
	if op.itemID != "" {
		item.id = (&params{call: item, doc: doc}).text(op.itemID, needed)
		delete(doc, op.itemID)
	}
	item.setBody(doc)
	if !op.write {
		// The fields of an item that reads are its query parameters.
		delete(doc, "idempotency_key")
		item.query = query{call: item, values: queryOf(doc)}
		item.body = params{call: item}
		return item
	}
	item.query = query{call: item}
	return item
}
