// Package wiretest has what the tests of the resource packages have in common: clients
// on the fake, and the check of what a call sends against a file.
package wiretest

import (
	"errors"
	"net/http"
	"os"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// Key is an idempotency key, which [CheckSent] expects in the header of a write.
const Key = "key-0001"

// Answering returns a client without layers on a fake that returns document for every
// call, and the fake.
func Answering(t *testing.T, document string) (*transport.Client, *prefactortest.Fake) {
	t.Helper()
	fake := prefactortest.New()
	fake.Inject(prefactortest.On("*").Always().Reply(200).Body(document))
	client, err := transport.NewClient("http://localhost", fake.RoundTripper())
	if err != nil {
		t.Fatal(err)
	}
	return client, fake
}

// Client returns a client with the default stack on fake.
func Client(t *testing.T, fake *prefactortest.Fake) *transport.Client {
	t.Helper()
	rt, err := middleware.Default(middleware.NewConfig("http://localhost", prefactortest.Token)).RoundTripper(fake.RoundTripper())
	if err != nil {
		t.Fatal(err)
	}
	client, err := transport.NewClient("http://localhost", rt)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// CheckSent checks a request's method, path and key, and its body against the file
// testdata/golden.json: for a GET its query, as an object. Without a name there must be
// neither.
func CheckSent(t *testing.T, sent prefactortest.Exchange, method, path, golden string) {
	t.Helper()
	if sent.Method != method || sent.Path != "/api/v1"+path {
		t.Errorf("sent %s %s, want %s /api/v1%s", sent.Method, sent.Path, method, path)
	}
	got, key := string(sent.Body), Key
	if method == http.MethodGet {
		got, key = query(t, sent), ""
	}
	if want := read(t, golden); got != want {
		t.Errorf("%s\n got %s\nwant %s", golden, got, want)
	}
	if header := sent.Header.Get(transport.KeyHeader); header != key {
		t.Errorf("%s: %q, want %q", transport.KeyHeader, header, key)
	}
}

// query returns the query of a request as a JSON object; "" if there is none.
func query(t *testing.T, sent prefactortest.Exchange) string {
	t.Helper()
	if len(sent.Query) == 0 {
		return ""
	}
	values := make(map[string]string)
	for name := range sent.Query {
		values[name] = sent.Query.Get(name)
	}
	text, err := json.Marshal(values, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// read returns the JSON text of a file without white space; "" for no name.
func read(t *testing.T, golden string) string {
	t.Helper()
	if golden == "" {
		return ""
	}
	text, err := os.ReadFile("testdata/" + golden + ".json")
	if err != nil {
		t.Fatal(err)
	}
	value := jsontext.Value(text)
	if err := value.Compact(); err != nil {
		t.Fatal(err)
	}
	return string(value)
}

// CheckNoRecord checks that a success whose document has no record under details is a
// ContractError of call, which gets the document as its response.
func CheckNoRecord(t *testing.T, call func(t *testing.T, document string) error) {
	t.Helper()
	for _, document := range []string{`{"status":"success"}`, `{"details":null}`, `{"details":{}}`, `{"details":{"id":7}}`, `[]`, ``} {
		if err := call(t, document); !errors.Is(err, errs.ErrContract) {
			t.Errorf("%s: %v, want a ContractError", document, err)
		}
	}
}

// Fields returns the fields that the client errors in err are about, in their order.
func Fields(err error) []string {
	switch e := err.(type) {
	case *errs.ClientError:
		return []string{e.Field}
	case interface{ Unwrap() error }:
		return Fields(e.Unwrap())
	case interface{ Unwrap() []error }:
		var all []string
		for _, part := range e.Unwrap() {
			all = append(all, Fields(part)...)
		}
		return all
	}
	return nil
}
