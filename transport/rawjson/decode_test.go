package rawjson_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// things is a document that knows when it is whole.
type things struct {
	Details struct {
		ID     string         `json:"id"`
		Counts map[string]int `json:"counts"`
		List   []string       `json:"list"`
	} `json:"details"`

	seen jsontext.Value
}

func (d *things) Check(document jsontext.Value) error {
	d.seen = document
	if d.Details.ID == "" {
		return errors.New("its document has no id")
	}
	return nil
}

// decode returns what an operation makes of a response with this document.
func decode[T any](t *testing.T, document string) (*T, error) {
	t.Helper()
	client, err := transport.NewClient("http://localhost", answering(document))
	if err != nil {
		t.Fatal(err)
	}
	return transport.NewOp[T]("things.get", http.MethodGet, "/thing").Do(t.Context(), client, transport.Input{})
}

// answering is a base that answers with a document.
type answering string

func (a answering) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(a)))}, nil
}

func TestAMemberOfAnUnexpectedTypeIsLeftZero(t *testing.T) {
	t.Parallel()
	const text = `{"status":5,"details":{"list":["a",1,"b"],"counts":{"a":1,"b":"many","c":2.5},"id":"i"}}`
	d, err := decode[things](t, text)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%q", d.Details.List); got != `["a" "" "b"]` {
		t.Errorf("List = %s", got)
	}
	if c := d.Details.Counts; c["a"] != 1 || c["b"] != 0 || c["c"] != 0 {
		t.Errorf("Counts = %v", c)
	}
	if string(d.seen) != text {
		t.Errorf("Check saw %s", d.seen)
	}
}

func TestADocumentWithoutWhatItMustHaveIsAContractError(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"details":{"id":7}}`,
		`{"details":"i"}`,
		`{"details":null}`,
		`[]`,
		`{"details":{"list":7,"id":"i"}`,
	} {
		if _, err := decode[things](t, text); !errors.Is(err, errs.ErrContract) {
			t.Errorf("%s: %v, want a ContractError", text, err)
		}
	}
}

func TestADocumentOfNothingButOddMembersIsRefused(t *testing.T) {
	t.Parallel()
	text := `{"details":{"id":"i","list":[` + strings.Repeat("1,", 50) + `1]}}`
	if _, err := decode[things](t, text); !errors.Is(err, errs.ErrContract) {
		t.Errorf("got %v, want a ContractError", err)
	}
}

func TestAnOddMemberBehindAGoodOneOfItsNameIsRefused(t *testing.T) {
	t.Parallel()
	const text = `{"details":{"id":"i","list":["a"],"list":5}}`
	if _, err := decode[things](t, text); !errors.Is(err, errs.ErrContract) {
		t.Errorf("got %v, want a ContractError", err)
	}
}

func TestADocumentThatSaysErrorIsThatError(t *testing.T) {
	t.Parallel()
	_, err := decode[things](t, `{"status":"error","code":"not_found","message":"gone"}`)
	if !errors.Is(err, errs.ErrNotFound) {
		t.Errorf("got %v, want a NotFoundError", err)
	}
}

func TestWithoutACheckAnUnexpectedTypeIsAContractError(t *testing.T) {
	t.Parallel()
	_, err := decode[struct {
		Details struct {
			N int `json:"n"`
		} `json:"details"`
	}](t, `{"details":{"n":"x"}}`)
	if !errors.Is(err, errs.ErrContract) {
		t.Errorf("got %v, want a ContractError", err)
	}
}
