package bulk

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// Response is what became of the items of a request.
type Response struct {
	// Outputs are the items that the server carried out, or tried to, in the
	// request's order. The last of them may have failed.
	Outputs []Output

	// Unprocessed are the items that the answer doesn't mention, in the request's
	// order: the server stops at the first that fails. They can be sent again as
	// they are.
	Unprocessed []Item

	source rawjson.Source
}

// Output is what became of one item.
type Output struct {
	Item Item // as it was sent

	// Err is why the item failed, nil if it succeeded: one of the kinds of server
	// error of package errs, whose Status is 0; or an [errs.ContractError] if the
	// item's document says neither "success" nor "error".
	Err error

	// Document is what the operation would have answered on its own. It must not
	// be changed.
	Document jsontext.Value
}

// Output returns the output of the item with the given key; ok is false if the
// server didn't process it, or never got it.
func (r *Response) Output(key string) (out Output, ok bool) {
	for _, out := range r.Outputs {
		if out.Item.Key == key {
			return out, true
		}
	}
	return Output{}, false
}

// Err returns nil if every item succeeded. Otherwise it names the first item
// that failed, around its error, and tells how many were left over.
func (r *Response) Err() error {
	for n, out := range r.Outputs {
		if out.Err != nil {
			return fmt.Errorf("prefactor: bulk: item %d of %d (%s, key %q) failed, %d left unprocessed: %w",
				n+1, len(r.Outputs)+len(r.Unprocessed), out.Item.Type, out.Item.Key, len(r.Unprocessed), out.Err)
		}
	}
	if n := len(r.Unprocessed); n > 0 {
		return fmt.Errorf("prefactor: bulk: the answer doesn't mention %d of %d items: send them again", n, len(r.Outputs)+n)
	}
	return nil
}

// Raw returns the answer's whole document. It must not be changed.
func (r *Response) Raw() jsontext.Value { return r.source.Raw() }

// answer is the document of bulk.execute.
type answer struct {
	Outputs map[string]jsontext.Value `json:"outputs"`

	source rawjson.Source
}

var _ transport.Checker = (*answer)(nil)

// Check implements [transport.Checker].
func (a *answer) Check(document jsontext.Value) error {
	if a.Outputs == nil {
		return errors.New("its document has no outputs")
	}
	a.source = rawjson.At(document, "")
	return nil
}

// response puts the outputs into the order of the items.
func (a *answer) response(items []Item) *Response {
	r := &Response{source: a.source}
	for _, item := range items {
		document, ok := a.Outputs[item.Key]
		if !ok {
			r.Unprocessed = append(r.Unprocessed, item)
			continue
		}
		r.Outputs = append(r.Outputs, Output{Item: item, Err: failure(document), Document: document})
	}
	return r
}

// failure returns the error that an item's document stands for.
func failure(document jsontext.Value) error {
	d, err := errs.ParseDocument(document)
	switch {
	case err == nil && d.Status == "error":
		return errs.FromDocument(0, d)
	case err == nil && (d.Status == "success" || rawjson.At(document, "/details").Raw() != nil):
		return nil
	}
	return errs.NewContractError(http.StatusOK, nil, "the item's document is neither a success nor an error", document, err)
}
