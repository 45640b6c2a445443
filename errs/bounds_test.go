package errs_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
)

// list returns n comma-separated elements.
func list(n int, element string) string {
	return strings.TrimSuffix(strings.Repeat(element+",", n), ",")
}

// manyFields are error documents of about half a MiB.
var manyFields = map[string]struct {
	errors string
	count  int // complaints in it
}{
	"a list":                   {`[` + list(200_000, `1`) + `]`, 200_000},
	"a list of lists":          {`[` + list(100_000, `[1]`) + `]`, 100_000},
	"empty objects":            {`[1,` + list(100_000, `{}`) + `]`, 1},
	"objects":                  {`[` + list(20_000, `{"code":"c","message":"m"}`) + `]`, 20_000},
	"leaves of a long name":    {`{"` + strings.Repeat("n", 2<<10) + `":{` + list(100_000, `"0":1`) + `}}`, 100_000},
	"leaves of a longer name":  {`{"` + strings.Repeat("n", 100<<10) + `":{` + list(100_000, `"0":1`) + `}}`, 100_000},
	"long texts":               {`[` + list(10, `"`+strings.Repeat("t", 50<<10)+`"`) + `]`, 10},
	"nested objects":           {strings.Repeat(`{"a":`, 30) + `[` + list(100_000, `1`) + `]` + strings.Repeat(`}`, 30), 100_000},
	"errors within errors":     {strings.Repeat(`{"code":"c","errors":`, 30) + `[` + list(100_000, `1`) + `]` + strings.Repeat(`}`, 30), 100_000},
	"an object deep in itself": {strings.Repeat(`{"a":`, 5000) + `1` + strings.Repeat(`}`, 5000), 1},
}

func TestWhatIsMadeOfAnErrorDocumentIsBounded(t *testing.T) {
	for name, tt := range manyFields {
		body := []byte(`{"status":"error","code":"validation_errors","message":"m","errors":` + tt.errors + `}`)
		api, ok := errors.AsType[*errs.APIError](errs.FromResponse(422, nil, body))
		if !ok {
			t.Errorf("%s: no APIError", name)
			continue
		}
		text, shown := 0, len(api.Fields)
		for _, f := range api.Fields {
			text += len(f.Path) + len(f.Code) + len(f.Message)
		}
		if shown > 101 || text > 66<<10 || len(api.Error()) > 10_000 {
			t.Errorf("%s: %d fields, %d bytes, a text of %d", name, shown, text, len(api.Error()))
		}
		left := 0
		if last := api.Fields[shown-1]; shown > 1 && strings.HasSuffix(last.Message, " left out") {
			_, _ = fmt.Sscanf(last.Message, "%d more left out", &left)
			shown--
		}
		if shown+left != tt.count {
			t.Errorf("%s: %d fields and %d left out, want %d", name, shown, left, tt.count)
		}
		if made := allocated(func() { _ = errs.FromResponse(422, nil, body) }); made > 3*uint64(len(body))+1<<20 {
			t.Errorf("%s: %d bytes are made of %d", name, made, len(body))
		}
	}
}

// allocated returns how many bytes do allocates. No other test may run meanwhile.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestComplaintsAboveTheirBoundAreLeftOut(t *testing.T) {
	t.Parallel()
	body := `{"status":"error","code":"c","errors":[` + list(600_000, `1`) + `]}`
	api, _ := errors.AsType[*errs.APIError](errs.FromResponse(200, nil, []byte(body)))
	if api == nil || api.Code != "c" || len(api.Fields) != 1 || api.Fields[0].Message != "1200001 bytes left out" {
		t.Errorf("got %+v", api)
	}
}

func TestTheTextsOfAnErrorDocumentAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 1<<18)
	body := `{"status":"error","code":"` + long + `","message":"` + long + `","errors":{"` + long + `":"` + long + `"}}`
	h := http.Header{"X-Request-Id": {long}, "Server": {long}, "Retry-After": {strings.Repeat("7,", 1<<20)}}
	api, _ := errors.AsType[*errs.APIError](errs.FromResponse(500, h, []byte(body)))
	if n := len(api.Code) + len(api.Message); n > 65<<10 || len(api.RequestID) > 1000 || !strings.HasSuffix(api.Code, "é…") {
		t.Errorf("%d bytes of text, a request id of %d", n, len(api.RequestID))
	}
	page := errs.FromResponse(502, h, []byte("<title>"+long+"</title>"))
	if len(page.Error()) > 2000 {
		t.Errorf("the text of a page has %d bytes", len(page.Error()))
	}
}

// However odd the complaints are, they make fields within the bounds.
func FuzzFields(f *testing.F) {
	for _, tt := range []string{`{"a":{"code":"c","errors":[1,{"message":"m"}]}}`, `[[[]]]`, `"x"`, `{"errors":{"errors":"x"},"code":"c"}`, `{"code":"","message":1}`, `{"errors":[1],"code":"c","errors":[]}`, `{`, `[1,`} {
		f.Add([]byte(tt))
	}
	f.Fuzz(func(t *testing.T, complaints []byte) {
		api, ok := errors.AsType[*errs.APIError](errs.FromDocument(0, errs.Document{Status: "error", Errors: complaints}))
		if !ok || len(api.Fields) > 101 {
			t.Errorf("%q: %d fields", complaints, len(api.Fields))
		}
		for _, field := range api.Fields {
			if strings.HasPrefix(field.Path, ".") && !strings.Contains(string(complaints), `"`) {
				t.Errorf("%q: a path %q", complaints, field.Path)
			}
		}
	})
}
