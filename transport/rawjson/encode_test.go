package rawjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

type inner struct{ Shown int }

type embedding struct {
	*inner
	Name string
}

type spoken struct{}

func (spoken) Error() string                { return "an error" }
func (spoken) MarshalText() ([]byte, error) { return []byte("own text"), nil }

type withFields struct{ Code int }

func (*withFields) Error() string { return "with fields" }

// What a program puts into a payload without a thought must not cost the span.
func TestWhatEncodingJSONTakesIsTaken(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		value any
		want  string
	}{
		"a duration":                       {1500 * time.Millisecond, `1500000000`},
		"a duration in a struct":           {struct{ Took time.Duration }{time.Second}, `{"Took":1000000000}`},
		"a duration as a key":              {map[time.Duration]int{time.Second: 1}, `{"1000000000":1}`},
		"an error":                         {errors.New("it <failed>"), `"it <failed>"`},
		"a nil error":                      {struct{ Err error }{}, `{"Err":null}`},
		"a wrapped error":                  {fmt.Errorf("read: %w", io.EOF), `"read: EOF"`},
		"joined errors":                    {errors.Join(io.EOF, io.ErrNoProgress), `"EOF\nmultiple Read calls return no data or error"`},
		"an error with exported fields":    {&withFields{7}, `{"Code":7}`},
		"an error with a text of its own":  {spoken{}, `"own text"`},
		"an error in exported fields":      {&url.Error{Op: "Get", URL: "x", Err: io.EOF}, `{"Op":"Get","URL":"x","Err":"EOF"}`},
		"an error beside a number":         {&fs.PathError{Op: "open", Path: "p", Err: io.EOF}, `{"Op":"open","Path":"p","Err":"EOF"}`},
		"an error beside a duration":       {map[string]any{"d": time.Second, "e": io.EOF}, `{"d":1000000000,"e":"EOF"}`},
		"an error beside an empty number":  {map[string]any{"e": io.EOF, "n": json.Number("")}, `{"e":"EOF","n":0}`},
		"bytes":                            {map[string]any{"b": []byte("hi")}, `{"b":"aGk="}`},
		"an empty number":                  {json.Number(""), `0`},
		"a struct without exported fields": {map[string]any{"mu": &sync.Mutex{}}, `{"mu":{}}`},
		"an embedded unexported pointer":   {embedding{&inner{1}, "n"}, `{"Shown":1,"Name":"n"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := rawjson.Encode(tt.value)
			if err != nil || string(got) != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestWhatCannotBeEncodedSaysWhatToWrite(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		value any
		want  string
	}{
		"a channel":        {map[string]any{"a": make(chan int)}, "a can't be encoded as JSON: JSON has nothing like a chan int: leave it out"},
		"a function":       {map[string]any{"a": []any{func() {}}}, "a[0] can't be encoded as JSON: JSON has nothing like a func()"},
		"a complex number": {map[string]any{"a": 1i}, "nothing like a complex128"},
		"not a number":     {map[string]any{"a": math.NaN()}, "a can't be encoded as JSON: JSON has no NaN"},
		"a broken number":  {map[string]any{"a": json.Number("x")}, "marshal from Go json.Number: invalid character 'x'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := rawjson.Encode(tt.value)
			if errs.KindOf(err) != errs.KindClient || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v", err)
			}
		})
	}
}
