package list

import "sync"

// fetcher fetches the pages of a list in order, and up to params.Ahead of those that
// follow at the same time.
type fetcher[T any] struct {
	params  Params
	fetch   func(offset int) (*Page[T], error) // safe for concurrent use
	ahead   []*fetched[T]                      // in order, without gaps
	running sync.WaitGroup
}

// fetched is the result of a fetch; page and err are set when done is closed.
type fetched[T any] struct {
	offset int
	done   chan struct{}
	page   *Page[T]
	err    error
}

// at returns the page that begins at offset, and begins to fetch those that follow.
func (f *fetcher[T]) at(offset int) (*Page[T], error) {
	page, err := f.take(offset)
	if err == nil {
		f.extend(page, offset+f.params.size())
	}
	return page, err
}

func (f *fetcher[T]) take(offset int) (*Page[T], error) {
	if len(f.ahead) == 0 || f.ahead[0].offset != offset {
		f.ahead = nil // the list doesn't go on where it was expected to
		return f.fetch(offset)
	}
	first := f.ahead[0]
	f.ahead = f.ahead[1:]
	<-first.done
	return first.page, first.err
}

// extend begins to fetch the pages after page that are expected from offset on.
func (f *fetcher[T]) extend(page *Page[T], offset int) {
	next, more := page.Next()
	if !more || next != offset {
		return
	}
	offset += len(f.ahead) * f.params.size()
	for len(f.ahead) < f.params.Ahead && offset < page.Pagination.ItemCount {
		f.begin(offset)
		offset += f.params.size()
	}
}

func (f *fetcher[T]) begin(offset int) {
	one := &fetched[T]{offset: offset, done: make(chan struct{})}
	f.ahead = append(f.ahead, one)
	f.running.Go(func() {
		defer close(one.done)
		one.page, one.err = f.fetch(offset)
	})
}
