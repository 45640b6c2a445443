package bulk

import "github.com/prefactordev/prefactor-go/transport"

// Details decodes the record that an item's operation answered with, which is a
// T such as [spans.Span] or [instances.Instance]: whole, with its Raw and its
// Control. Any other T is decoded from the document's member "details" by the
// rules of encoding/json/v2. For an item that failed it returns the error. A
// document that holds no T is an [errs.ContractError].
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
