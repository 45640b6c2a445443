package prefactortest

import (
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

const bulkExecute = "bulk.execute"

// shortestItemKey is the least length of a bulk item's key, in characters.
const shortestItemKey = 8

// A bulkDoc is the response to a bulk request: the envelope of each item that
// was run, by the item's key.
type bulkDoc struct {
	Status  string                    `json:"status"`
	Outputs map[string]jsontext.Value `json:"outputs"`
}

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
	print := c.print()
	f.mu.Lock()
	known := f.recall(c, print)
	f.mu.Unlock()
	if known != nil {
		return known
	}
	r, ok := f.runItems(c, items)
	if ok {
		f.mu.Lock()
		f.remember(c, print, r)
		f.mu.Unlock()
	}
	return r
}

// runItems returns the reply to c and whether every item succeeded.
func (f *Fake) runItems(c *call, items []*call) (r *reply, ok bool) {
	doc := bulkDoc{Status: "success", Outputs: make(map[string]jsontext.Value, len(items))}
	r = newReply(http.StatusOK, doc)
	for n, item := range items {
		out := f.runItem(item)
		for _, field := range item.dropped {
			c.dropped = append(c.dropped, fmt.Sprintf("items.%d.%s", n, field))
		}
		doc.Outputs[item.bodyKey] = out.encoded()
		r.committed = r.committed || out.committed
		if !out.ok() {
			return r, false
		}
	}
	return r, true
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
			items = append(items, newItem(f, c, op, p.doc))
		}
	}
	return items
}

// newItem makes the call that doc, an item of c, describes. It takes doc over.
func newItem(f *Fake, c *call, op *operation, doc map[string]jsontext.Value) *call {
	item := &call{op: op, grant: c.grant, inBulk: true, set: &f.set}
	delete(doc, "_type")
	if op.itemID != "" {
		item.id = newParams(item, doc).text(op.itemID, needed)
		delete(doc, op.itemID)
	}
	item.setBody(doc)
	if !op.write {
		// The fields of an item that reads are its query parameters.
		delete(doc, "idempotency_key")
		item.query = &query{call: item, values: queryOf(doc)}
		item.body = newParams(item, nil)
		return item
	}
	item.query = &query{call: item}
	return item
}
