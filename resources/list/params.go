package list

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/prefactordev/prefactor-go/errs"
)

// The bounds of [Params].
const (
	MaxPageSize = 100 // the largest page that the API serves
	MaxAhead    = 6   // more pages at a time make the API slower, not faster
)

// Params chooses a page of a list, and its order. The zero Params means the first
// page in the API's own order, which is the oldest first.
type Params struct {
	Offset   int  // index of the first item, from 0
	PageSize int  // items in a page, 1 to MaxPageSize; 0 means MaxPageSize
	Sort     Sort // the order
	Ahead    int  // how many further pages All fetches at a time while one is read, 0 to MaxAhead
}

// Sort is the order of a list. The zero Sort leaves it to the API.
type Sort struct {
	Field      string // such as "id" or "started_at"; each list has its own
	Descending bool   // the largest or newest first

	// Bare sends sorting=field, or sorting=-field, as some of the API's documents
	// say, in place of sorting[field] and sorting[direction], which is what the API
	// was seen to take.
	Bare bool
}

// Validate implements [transport.Validator].
func (p Params) Validate() error {
	switch {
	case p.Offset < 0:
		return &errs.ClientError{Field: "Offset", Problem: "must not be negative"}
	case p.PageSize < 0 || p.PageSize > MaxPageSize:
		return &errs.ClientError{Field: "PageSize", Problem: fmt.Sprintf("must be 1 to %d, or 0 for %d", MaxPageSize, MaxPageSize)}
	case p.Ahead < 0 || p.Ahead > MaxAhead:
		return &errs.ClientError{Field: "Ahead", Problem: fmt.Sprintf("must be 0 to %d", MaxAhead)}
	case p.Sort.Field == "" && (p.Sort.Descending || p.Sort.Bare):
		return &errs.ClientError{Field: "Sort.Field", Problem: "is required for an order"}
	}
	return nil
}

// size returns the number of items of a full page.
func (p Params) size() int {
	if p.PageSize == 0 {
		return MaxPageSize
	}
	return p.PageSize
}

// query returns the query parameters of p, with those of filter.
func (p Params) query(filter url.Values) url.Values {
	query := url.Values{
		"pagination[offset]":    {strconv.Itoa(p.Offset)},
		"pagination[page_size]": {strconv.Itoa(p.size())},
	}
	p.Sort.addTo(query)
	for name, values := range filter {
		query[name] = values
	}
	return query
}

func (s Sort) addTo(query url.Values) {
	switch {
	case s.Field == "":
	case s.Bare && s.Descending:
		query.Set("sorting", "-"+s.Field)
	case s.Bare:
		query.Set("sorting", s.Field)
	default:
		query.Set("sorting[field]", s.Field)
		query.Set("sorting[direction]", map[bool]string{false: "asc", true: "desc"}[s.Descending])
	}
}
