package bulk

import "github.com/prefactordev/prefactor-go/transport"

// Details decodes the record that an item's operation returned into a T. A
// [spans.Span] or an [instances.Instance] is complete, with its Raw and, of a span,
// its Control. Any other T is decoded from the document's member "details" by the rules
// of encoding/json/v2. If the item failed, Details returns its error; if its
// document holds no T, an [errs.ContractError].
//
//	span, err := bulk.Details[spans.Span](out)
//
// [spans.Span]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/resources/spans#Span
// [instances.Instance]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/resources/instances#Instance
// [errs.ContractError]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/errs#ContractError
func Details[T any](out Output) (*T, error) {
	if out.Err != nil {
		return nil, out.Err
	}
	return transport.DecodeDetails[T](out.Document)
}
