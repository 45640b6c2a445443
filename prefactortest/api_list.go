package prefactortest

import (
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
)

const (
	defaultPageSize = 20
	largestPageSize = 100
)

// A listing is the page and the order of a list request.
type listing[T any] struct {
	key          string // identifies the list, without its page
	offset, size int
	sorting      *sortingDoc
	compare      func(a, b *T) int // nil means oldest first
}

// rows are the records from which a list is made.
type rows[T any] struct {
	writes int // the store's writes when they were taken
	length int
	at     func(n int) *T
	keep   func(*T) bool // nil means all
	doc    func(*T) any
}

type sortingDoc struct {
	Field     string `json:"field"`
	Direction string `json:"direction"`
}

type listDoc struct {
	Status     string         `json:"status"`
	Summaries  []any          `json:"summaries"`
	Pagination *paginationDoc `json:"pagination"`
	Sorting    *sortingDoc    `json:"sorting"`
}

// A paginationDoc counts items and pages from 1, offsets from 0.
type paginationDoc struct {
	ItemCount          int  `json:"item_count"`
	ItemStart          int  `json:"item_start"`
	ItemEnd            int  `json:"item_end"`
	PageCount          int  `json:"page_count"`
	PageIndex          int  `json:"page_index"`
	PageOffset         int  `json:"page_offset"`
	PageSize           int  `json:"page_size"`
	NextPageOffset     *int `json:"next_page_offset"`
	PreviousPageOffset *int `json:"previous_page_offset"`
}

// newListing reads the page and the order from the query.
func newListing[T any](c *call, orders map[string]func(a, b *T) int) *listing[T] {
	l := &listing[T]{
		key:     listKey(c),
		offset:  c.query.number("pagination[offset]", 0, math.MaxInt32, 0),
		size:    c.query.number("pagination[page_size]", 1, largestPageSize, defaultPageSize),
		sorting: readSorting(c),
	}
	if l.sorting == nil {
		return l
	}
	compare := orders[l.sorting.Field]
	switch {
	case compare == nil:
		fields := slices.Sorted(maps.Keys(orders))
		c.query.refuse("sorting", "field must be one of "+strings.Join(fields, ", "))
	case l.sorting.Direction == "desc":
		l.compare = func(a, b *T) int { return compare(b, a) }
	default:
		l.compare = compare
	}
	return l
}

// listKey returns the request's operation, grant and query, without its page.
func listKey(c *call) string {
	values := maps.Clone(c.query.values)
	delete(values, "pagination[offset]")
	delete(values, "pagination[page_size]")
	return strings.Join([]string{c.op.name, c.grant.AccountID, c.grant.AgentID, c.grant.EnvironmentID, values.Encode()}, " ")
}

// readSorting reads sorting[field] and sorting[direction], or sorting=-field.
func readSorting(c *call) *sortingDoc {
	bare := c.query.text("sorting")
	s := &sortingDoc{Field: c.query.text("sorting[field]"), Direction: c.query.text("sorting[direction]")}
	if bare != "" && c.set.bracketSortingOnly {
		c.query.refuse("sorting", "must be given as sorting[field] and sorting[direction]")
	}
	if bare != "" {
		s.Field, s.Direction = strings.TrimPrefix(bare, "-"), "asc"
		if strings.HasPrefix(bare, "-") {
			s.Direction = "desc"
		}
	}
	if s.Field == "" {
		return nil
	}
	if s.Direction == "" {
		s.Direction = "asc"
	}
	if s.Direction != "asc" && s.Direction != "desc" {
		c.query.refuse("sorting[direction]", "must be asc or desc")
	}
	return s
}

// answer returns the page.
func (l *listing[T]) answer(f *Fake, r rows[T]) listDoc {
	if r.keep != nil || l.compare != nil {
		chosen := l.choose(f, r)
		r.length, r.at = len(chosen), func(n int) *T { return chosen[n] }
	}
	end := min(l.offset+l.size, r.length)
	doc := listDoc{
		Status:     "success",
		Summaries:  make([]any, 0, max(0, end-l.offset)),
		Pagination: newPagination(l.offset, l.size, r.length),
		Sorting:    l.sorting,
	}
	for n := l.offset; n < end; n++ {
		doc.Summaries = append(doc.Summaries, r.doc(r.at(n)))
	}
	return doc
}

// A view caches the last filtered or sorted list for requests of its other
// pages.
type view struct {
	mu     sync.Mutex
	key    string
	writes int
	rows   any
}

// choose returns the rows filtered and sorted.
func (l *listing[T]) choose(f *Fake, r rows[T]) []*T {
	f.view.mu.Lock()
	defer f.view.mu.Unlock()
	if f.view.key == l.key && f.view.writes == r.writes {
		return f.view.rows.([]*T)
	}
	var chosen []*T
	for n := range r.length {
		if row := r.at(n); r.keep == nil || r.keep(row) {
			chosen = append(chosen, row)
		}
	}
	if l.compare != nil {
		slices.SortStableFunc(chosen, l.compare)
	}
	f.view.key, f.view.writes, f.view.rows = l.key, r.writes, chosen
	return chosen
}

func newPagination(offset, size, count int) *paginationDoc {
	p := &paginationDoc{
		ItemCount:  count,
		PageCount:  (count + size - 1) / size,
		PageIndex:  offset/size + 1,
		PageOffset: offset,
		PageSize:   size,
	}
	if offset < count {
		p.ItemStart, p.ItemEnd = offset+1, min(offset+size, count)
	}
	if offset+size < count {
		p.NextPageOffset = new(offset + size)
	}
	if offset > 0 {
		p.PreviousPageOffset = new(max(0, offset-size))
	}
	return p
}
