package list

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// Page is a part of a list, as the API returns it.
type Page[T any] struct {
	// Items are the rows of the page. One that isn't a JSON object is a zero T, whose
	// Raw is what the API sent.
	Items      []*T        `json:"summaries"`
	Pagination *Pagination `json:"pagination"` // nil if the response has none
	Sorting    *Sorting    `json:"sorting"`    // nil for the API's own order

	// Source leads to the JSON that the page was decoded from: Raw and Document.
	rawjson.Source `json:"-"`
}

// Pagination is where a page stands in its list. Items and pages are counted from 1,
// offsets from 0.
type Pagination struct {
	ItemCount          int  `json:"item_count"` // items of the whole list
	ItemStart          int  `json:"item_start"`
	ItemEnd            int  `json:"item_end"`
	PageCount          int  `json:"page_count"`
	PageIndex          int  `json:"page_index"`
	PageOffset         int  `json:"page_offset"`
	PageSize           int  `json:"page_size"`
	NextPageOffset     *int `json:"next_page_offset"`     // nil on the last page
	PreviousPageOffset *int `json:"previous_page_offset"` // nil on the first page
}

// Sorting is the order of a list that the request asked for.
type Sorting struct {
	Field     string `json:"field"`
	Direction string `json:"direction"` // "asc" or "desc"
}

// Next returns the offset of the page after p; false if p is the last.
func (p *Page[T]) Next() (offset int, ok bool) {
	if p.Pagination == nil || p.Pagination.NextPageOffset == nil {
		return 0, false
	}
	return *p.Pagination.NextPageOffset, true
}

// lostNext returns why p, which begins at offset, doesn't lead to the page after it;
// "" if it does, or if p is the last.
func (p *Page[T]) lostNext(offset int) (problem string) {
	if next, ok := p.Next(); ok {
		if next <= offset {
			return fmt.Sprintf("its next_page_offset %d doesn't lead on from %d", next, offset)
		}
		return ""
	}
	switch pagination := rawjson.At(p.Document(), "/pagination").Raw(); pagination.Kind() {
	case '{':
		next := rawjson.At(jsontext.Value(pagination), "/next_page_offset").Raw()
		if next != nil && next.Kind() != 'n' {
			return "its next_page_offset is " + errs.Words(string(next)) + ", and must be an integer or null"
		}
	case 'n', jsontext.KindInvalid: // null or absent
	default:
		return "its pagination is no object"
	}
	return ""
}

var _ transport.Checker = (*Page[struct{}])(nil)

// sourced is a model with a way back to its document.
type sourced interface {
	SetSource(document jsontext.Value, pointer jsontext.Pointer)
}

// Check implements [transport.Checker]. It also sets the Source of the page and of
// its items.
func (p *Page[T]) Check(document jsontext.Value) error {
	if p.Items == nil {
		return errors.New("its document has no list under summaries")
	}
	p.SetSource(document, "")
	for i, item := range p.Items {
		if item == nil {
			item = new(T)
			p.Items[i] = item
		}
		if model, ok := any(item).(sourced); ok {
			model.SetSource(document, jsontext.Pointer("/summaries/"+strconv.Itoa(i)))
		}
	}
	return nil
}
