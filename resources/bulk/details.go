package bulk

import (
	"net/http"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// Details decodes what an item's operation answered with: [spans.Span] and
// [instances.Instance] whole, with their Raw and Control; any other T from the
// document's member "details", by the rules of encoding/json/v2. Of an item that
// failed it returns the error. A document that holds no T is an
// [errs.ContractError].
//
//	span, err := bulk.Details[spans.Span](out)
//
// [spans.Span]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/resources/spans#Span
// [instances.Instance]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/resources/instances#Instance
func Details[T any](out Output) (*T, error) {
	if out.Err != nil {
		return nil, out.Err
	}
	if model, ok := any(new(T)).(transport.DocumentUnmarshaler); ok {
		if err := model.UnmarshalDocument(out.Document); err != nil {
			return nil, err
		}
		return any(model).(*T), nil
	}
	document, err := transport.DecodeDocument[struct {
		Details *T `json:"details"`
	}](out.Document)
	if err != nil {
		return nil, err
	}
	if document.Details == nil {
		return nil, errs.NewContractError(http.StatusOK, "the item's document has no details", out.Document, nil)
	}
	return document.Details, nil
}
