package bulk

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// Response says what happened to each item of a request.
type Response struct {
	// Outputs are the results of the items that the server executed, in the
	// request's order. The last of them may have failed.
	Outputs []Output

	// Unprocessed are the items that the response doesn't mention, in the request's
	// order: the server stops at the first item that fails. They can be sent again
	// unchanged.
	Unprocessed []Item

	document jsontext.Value
}

// Output is the result of one item.
type Output struct {
	Item Item // as it was sent

	// Err is why the item failed; nil if it succeeded. It is an [errs.APIError] or
	// one of the kinds around it, with a Status of 0; or an [errs.ContractError] if
	// the item's document is neither an error nor a success. A document with details
	// is a success, whatever its status, unless that is "error".
	Err error

	// Document is the document that the operation would have returned on its own.
	// It must not be changed.
	Document jsontext.Value
}

// Output returns the output of the item with the given key. ok is false if the
// server didn't process that item, or never got it.
func (r *Response) Output(key string) (out Output, ok bool) {
	if r == nil {
		return Output{}, false
	}
	for _, out := range r.Outputs {
		if out.Item.Key == key {
			return out, true
		}
	}
	return Output{}, false
}

// Err returns nil if every item succeeded. Otherwise it returns an error that names
// the first item that failed, wraps that item's error, and says how many items were
// left unprocessed. If none failed, but some were left unprocessed, that is an
// error, too. A nil Response is an [errs.ClientError].
func (r *Response) Err() error {
	if r == nil {
		return &errs.ClientError{Field: "bulk response", Problem: "is nil: handle the error of Execute, which says why"}
	}
	for n, out := range r.Outputs {
		if out.Err != nil {
			return fmt.Errorf("prefactor: bulk: item %d of %d (%s, key %q) failed, %d left unprocessed: %w",
				n+1, len(r.Outputs)+len(r.Unprocessed), out.Item.Type, out.Item.Key, len(r.Unprocessed), out.Err)
		}
	}
	if n := len(r.Unprocessed); n > 0 {
		return fmt.Errorf("prefactor: bulk: the response doesn't mention %d of %d items: send them again", n, len(r.Outputs)+n)
	}
	return nil
}

// Raw returns the response's whole document. It must not be changed.
func (r *Response) Raw() jsontext.Value {
	if r == nil {
		return nil
	}
	return r.document
}

// executed is the document that bulk.execute returns. It is scanned once: an output
// is a part of it.
type executed struct {
	outputs map[string]extent // by key; nil if the document has none

	document jsontext.Value
}

// extent is where a value begins and ends.
type extent struct{ begin, end int64 }

var _ transport.Checker = (*executed)(nil)

// UnmarshalJSONFrom finds the outputs.
func (e *executed) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*e = executed{}
	return eachMember(dec, func(name string) error {
		if name != "outputs" {
			return dec.SkipValue()
		}
		e.outputs = nil
		if dec.PeekKind() != '{' {
			return dec.SkipValue()
		}
		e.outputs = make(map[string]extent)
		return eachMember(dec, func(key string) error {
			value, err := dec.ReadValue()
			end := dec.InputOffset()
			e.outputs[key] = extent{end - int64(len(value)), end}
			return err
		})
	})
}

// eachMember reads an object, and lets read read the value of each member.
func eachMember(dec *jsontext.Decoder, read func(name string) error) error {
	if kind := dec.PeekKind(); kind != '{' {
		return errors.Join(errors.New("not an object"), dec.SkipValue())
	}
	_, err := dec.ReadToken()
	for err == nil && dec.PeekKind() == '"' {
		var name jsontext.Token
		if name, err = dec.ReadToken(); err == nil {
			err = read(name.String())
		}
	}
	if err == nil {
		_, err = dec.ReadToken()
	}
	return err
}

// Check implements [transport.Checker].
func (e *executed) Check(document jsontext.Value) error {
	if e.outputs == nil {
		return errors.New("its document has no outputs")
	}
	e.document = document
	return nil
}

// response returns the outputs in the order of the items.
func (e *executed) response(items []Item) *Response {
	r := &Response{document: e.document, Outputs: make([]Output, 0, len(e.outputs))}
	for _, item := range items {
		found, ok := e.outputs[item.Key]
		if !ok {
			r.Unprocessed = append(r.Unprocessed, item)
			continue
		}
		document := slices.Clip(e.document[found.begin:found.end])
		r.Outputs = append(r.Outputs, Output{Item: item, Err: failure(document), Document: document})
	}
	return r
}

// failure returns the error in an item's document, nil if the item succeeded.
func failure(document jsontext.Value) error {
	if bytes.HasPrefix(document, []byte(`{"status":"success",`)) && !bytes.Contains(document, []byte(`"error"`)) {
		return nil
	}
	d, err := errs.ParseDocument(document)
	switch {
	case err == nil && d.Status == "error":
		return errs.FromDocument(0, d)
	case err == nil && (d.Status == "success" || rawjson.At(document, "/details").Raw() != nil):
		return nil
	}
	return errs.NewContractError(http.StatusOK, nil, "the item's document is neither a success nor an error", document, err)
}
