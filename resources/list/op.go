package list

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// Op is an operation that lists values of T. Make it once, as a package-level
// variable; it is safe for concurrent use.
type Op[T any] struct{ op *transport.Op[Page[T]] }

// NewOp returns the operation name, such as "agent_spans.list", on route, as in
// [transport.NewOp].
func NewOp[T any](name, route string) *Op[T] {
	return &Op[T]{transport.NewOp[Page[T]](name, http.MethodGet, route)}
}

// operation returns the operation; nil, with which every call fails, if NewOp didn't
// make it.
func (o *Op[T]) operation() *transport.Op[Page[T]] {
	if o == nil {
		return nil
	}
	return o.op
}

// Page returns one page. filter has the query parameters that params doesn't have,
// and may be nil. Every error is an [*errs.Error].
func (o *Op[T]) Page(ctx context.Context, client *transport.Client, params Params, filter url.Values, options ...transport.Option) (*Page[T], error) {
	return o.operation().Do(ctx, client, transport.Input{Query: params.query(filter), Check: params}, options...)
}

// All returns the items of the list from params.Offset on, one page after the other,
// or several pages at a time if params.Ahead says so. The first error ends the list,
// with a nil item. Nothing more is fetched after the loop over it ends. A sequence
// that is ranged over again fetches the list again.
//
// The options apply to each page: [transport.WithTimeout] limits each, and not the
// whole. [transport.WithMeta] has no effect.
//
// Pages are found by offset. If items are added or removed meanwhile, and the order
// isn't one that puts new items last, some may be seen twice or not at all.
func (o *Op[T]) All(ctx context.Context, client *transport.Client, params Params, filter url.Values, options ...transport.Option) iter.Seq2[*T, error] {
	options = append(options[:len(options):len(options)], transport.WithMeta(nil))
	return func(yield func(*T, error) bool) {
		reading, cancel := ctx, func() {}
		if ctx != nil { // a call without a context fails
			reading, cancel = context.WithCancel(ctx)
		}
		pages := fetcher[T]{params: params, fetch: func(offset int) (*Page[T], error) {
			page := params
			page.Offset = offset
			return o.Page(reading, client, page, filter, options...)
		}}
		defer pages.running.Wait()
		defer cancel()
		for offset, more := params.Offset, true; more; {
			page, err := pages.at(offset)
			if err != nil {
				yield(nil, err)
				return
			}
			next, ok := page.Next()
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if problem := page.lostNext(offset); problem != "" {
				yield(nil, o.operation().Fail(errs.NewContractError(http.StatusOK, nil, problem, nil, nil)))
				return
			}
			offset, more = next, ok
		}
	}
}
