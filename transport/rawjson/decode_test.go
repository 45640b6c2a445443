package rawjson_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
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
		`{"details":{"list":7,"id":"i"}]`,
	} {
		if _, err := decode[things](t, text); !errors.Is(err, errs.ErrContract) {
			t.Errorf("%s: %v, want a ContractError", text, err)
		}
	}
}

func TestOddMembersCostOnlyThemselvesWhateverTheirNumber(t *testing.T) {
	t.Parallel()
	text := `{"details":{"id":"i","list":[` + strings.Repeat("1,", 5000) + `"x"],"counts":{` + strings.Repeat(`"a":"x",`, 5000) + `"b":2}}}`
	d, err := decode[things](t, text)
	if err != nil {
		t.Fatal(err)
	}
	if list := d.Details.List; len(list) != 5001 || list[4999] != "" || list[5000] != "x" {
		t.Errorf("List has %d elements", len(list))
	}
	if c := d.Details.Counts; len(c) != 2 || c["b"] != 2 {
		t.Errorf("Counts = %v", c)
	}
}

// types has a member of each kind that a model may have.
type types struct {
	Details struct {
		ID      string             `json:"id"`
		Text    string             `json:"text"`
		Small   int8               `json:"small"`
		Flag    bool               `json:"flag"`
		Time    time.Time          `json:"time"`
		Bytes   []byte             `json:"bytes"`
		Pointer *struct{ N int }   `json:"pointer"`
		Struct  struct{ N, M int } `json:"struct"`
		Map     map[string]*int    `json:"map"`
		Any     any                `json:"any"`
		Object  rawjson.Object     `json:"object"`
		Array   [2]int             `json:"array"`
		Quoted  int                `json:"quoted,string"`
		Numbers map[int]string     `json:"numbers"`
		Times   map[time.Time]int  `json:"times"`
	} `json:"details"`
}

func (d *types) Check(jsontext.Value) error {
	if d.Details.ID == "" {
		return errors.New("its document has no id")
	}
	return nil
}

func TestAnOddMemberOfEveryType(t *testing.T) {
	t.Parallel()
	const values = `null 1 300 1.5 "x" true [1,2] [1,2,3] [{}] {} {"N":1,"M":"x"} {"N":{"a":[1]}} {"a":null}`
	for _, member := range strings.Fields("text small flag time bytes pointer struct map any object array quoted numbers times unknown") {
		for _, value := range strings.Fields(values) {
			text := `{"details":{"id":"i","` + member + `":` + value + `,"text":"t"}}`
			d, err := decode[types](t, text)
			if err != nil || d.Details.ID != "i" || d.Details.Text != "t" {
				t.Errorf("%s: %+v, %v", text, d, err)
			}
		}
	}
	d, err := decode[types](t, `{"details":{"id":"i","struct":{"N":"x","M":2},"map":{"a":"x","b":3},"small":300,"time":"soon","quoted":"5","numbers":{"1":"a","2":7}}}`)
	if err != nil || d.Details.Struct.M != 2 || *d.Details.Map["b"] != 3 || d.Details.Map["a"] != nil || d.Details.Small != 0 || !d.Details.Time.IsZero() {
		t.Errorf("what stands beside an odd member is lost: %+v, %v", d, err)
	}
	if n := d.Details.Numbers; d.Details.Quoted != 5 || len(n) != 2 || n[1] != "a" {
		t.Errorf("what stands beside an odd member is lost: %d, %v", d.Details.Quoted, n)
	}
}

// Of several members of a name the last counts, for the model and for Raw.
func TestAnOddMemberOfANameThatIsThereTwice(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"details":{"id":"i","list":["a"],"list":5}}`:     `[]`,
		`{"details":{"id":"i","list":5,"list":["a"]}}`:     `["a"]`,
		`{"details":{"id":"i","list":["a"],"list":["b"]}}`: `["b"]`,
	} {
		d, err := decode[things](t, text)
		if err != nil || fmt.Sprintf("%q", d.Details.List) != want {
			t.Errorf("%s: %+v, %v", text, d, err)
		}
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
