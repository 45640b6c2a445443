package list_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/list"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

type row struct {
	N              int            `json:"n"`
	Blob           rawjson.Object `json:"blob"`
	rawjson.Source `json:"-"`
}

var rows = list.NewOp[row]("rows.list", "/rows")

// server is an API that has a list of count rows.
type server struct {
	count  int
	rewind func(next int) int // changes next_page_offset; may be nil
	fail   int                // the offset of a page that fails; 0 for none
	delay  time.Duration
	blob   string

	mu      sync.Mutex
	offsets []int // asked for
	running int
	most    int // running at a time
}

func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	query := req.URL.Query()
	offset, _ := strconv.Atoi(query.Get("pagination[offset]"))
	size, _ := strconv.Atoi(query.Get("pagination[page_size]"))
	s.enter(offset)
	defer s.leave()
	select {
	case <-time.After(s.delay):
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	if offset == s.fail && s.fail > 0 {
		return response(500, `{"status":"error","code":"internal","message":"no"}`), nil
	}
	end := min(offset+size, s.count)
	var page strings.Builder
	page.WriteString(`{"status":"success","summaries":[`)
	for n := offset; n < end; n++ {
		if n > offset {
			page.WriteByte(',')
		}
		fmt.Fprintf(&page, `{"n":%d,"extra":"row %d"%s}`, n, n, s.blob)
	}
	next := "null"
	if end < s.count {
		n := end
		if s.rewind != nil {
			n = s.rewind(n)
		}
		next = strconv.Itoa(n)
	}
	fmt.Fprintf(&page, `],"pagination":{"item_count":%d,"next_page_offset":%s},"sorting":null}`, s.count, next)
	return response(200, page.String()), nil
}

func (s *server) enter(offset int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offsets = append(s.offsets, offset)
	s.running++
	s.most = max(s.most, s.running)
}

func (s *server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
}

func response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

func client(t *testing.T, rt http.RoundTripper) *transport.Client {
	t.Helper()
	c, err := transport.NewClient("https://api.invalid", rt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAllWalksOverEveryPage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		count  int
		params list.Params
		first  int
		pages  []int // asked for, sorted
	}{
		{"empty", 0, list.Params{}, 0, []int{0}},
		{"one page", 100, list.Params{}, 0, []int{0}},
		{"a page and a row", 101, list.Params{}, 0, []int{0, 100}},
		{"small pages", 7, list.Params{PageSize: 3}, 0, []int{0, 3, 6}},
		{"resumed", 10, list.Params{PageSize: 3, Offset: 4}, 4, []int{4, 7}},
		{"beyond the end", 10, list.Params{Offset: 50}, 10, []int{50}},
		{"ahead", 10, list.Params{PageSize: 2, Ahead: 6}, 0, []int{0, 2, 4, 6, 8}},
		{"resumed, ahead", 11, list.Params{PageSize: 2, Offset: 3, Ahead: 2}, 3, []int{3, 5, 7, 9}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &server{count: tt.count}
			n := tt.first
			for r, err := range rows.All(t.Context(), client(t, s), tt.params, nil) {
				if err != nil || r.N != n || !strings.Contains(string(r.Raw()), fmt.Sprintf(`"row %d"`, n)) {
					t.Fatalf("row %d: %+v, %s, %v", n, r, r.Raw(), err)
				}
				n++
			}
			if n != max(tt.count, tt.first) {
				t.Errorf("the list ended at row %d of %d", n, tt.count)
			}
			if slices.Sort(s.offsets); !slices.Equal(s.offsets, tt.pages) {
				t.Errorf("the pages %v were fetched, want %v", s.offsets, tt.pages)
			}
		})
	}
}

// A sequence may be ranged over more than once, also after a break, and at the same
// time.
func TestASequenceCanBeRangedOverAgain(t *testing.T) {
	t.Parallel()
	for _, ahead := range []int{0, 4} {
		all := rows.All(t.Context(), client(t, &server{count: 25}), list.Params{PageSize: 10, Ahead: ahead}, nil)
		for range all {
			break
		}
		var ranging sync.WaitGroup
		for range 4 {
			ranging.Go(func() {
				n := 0
				for r, err := range all {
					if err != nil || r.N != n {
						t.Errorf("ahead %d: row %d is %+v, %v", ahead, n, r, err)
						return
					}
					n++
				}
				if n != 25 {
					t.Errorf("ahead %d: %d rows, want 25", ahead, n)
				}
			})
		}
		ranging.Wait()
	}
}

// Pages that are fetched ahead come in order, and no more of them at a time than
// Ahead says.
func TestAheadIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{count: 100, delay: time.Second}
		began, n := time.Now(), 0
		for r, err := range rows.All(t.Context(), client(t, s), list.Params{PageSize: 5, Ahead: 3}, nil) {
			if err != nil || r.N != n {
				t.Fatalf("row %d: %+v, %v", n, r, err)
			}
			n++
		}
		if s.most != 3 {
			t.Errorf("%d pages were fetched at a time, want 3", s.most)
		}
		if took := time.Since(began); took != 8*time.Second { // the first, and 19 more, 3 at a time
			t.Errorf("20 pages took %s, want 8s", took)
		}
	})
}

func TestABreakStopsFetching(t *testing.T) {
	t.Parallel()
	for _, ahead := range []int{0, 4} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{count: 1000, delay: time.Second}
			for range rows.All(t.Context(), client(t, s), list.Params{PageSize: 5, Ahead: ahead}, nil) {
				break
			}
			if s.running != 0 {
				t.Errorf("ahead %d: %d fetches outlive the loop", ahead, s.running)
			}
			if len(s.offsets) > 1+ahead {
				t.Errorf("ahead %d: the pages %v were fetched", ahead, s.offsets)
			}
		})
	}
}

func TestTheFirstErrorEndsTheList(t *testing.T) {
	t.Parallel()
	for _, ahead := range []int{0, 4} {
		s := &server{count: 100, fail: 20}
		n, failed := 0, 0
		for r, err := range rows.All(t.Context(), client(t, s), list.Params{PageSize: 10, Ahead: ahead}, nil) {
			if err != nil {
				failed++
				if r != nil || errs.KindOf(err) != errs.KindServer {
					t.Errorf("ahead %d: got %v, %v", ahead, r, err)
				}
				continue
			}
			n++
		}
		if n != 20 || failed != 1 {
			t.Errorf("ahead %d: %d rows and %d errors, want 20 and 1", ahead, n, failed)
		}
	}
}

func TestACancelEndsTheList(t *testing.T) {
	t.Parallel()
	for _, ahead := range []int{0, 4} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			s := &server{count: 100, delay: time.Second}
			var last error
			for r, err := range rows.All(ctx, client(t, s), list.Params{PageSize: 10, Ahead: ahead}, nil) {
				if last = err; err == nil && r.N == 25 {
					cancel()
				}
			}
			cancel()
			if !errors.Is(last, errs.ErrCanceled) {
				t.Errorf("ahead %d: the list ended with %v", ahead, last)
			}
		})
	}
}

// An offset that doesn't lead on would make All walk in a circle.
func TestAnOffsetThatDoesNotAdvanceIsAnError(t *testing.T) {
	t.Parallel()
	for name, rewind := range map[string]func(int) int{
		"the same":  func(n int) int { return n - 10 },
		"the first": func(int) int { return 0 },
		"negative":  func(int) int { return -10 },
	} {
		for _, ahead := range []int{0, 4} {
			s := &server{count: 100, rewind: rewind}
			n := 0
			var last error
			for r, err := range rows.All(t.Context(), client(t, s), list.Params{PageSize: 10, Ahead: ahead}, nil) {
				if last = err; r != nil {
					n++
				}
			}
			call, ok := errors.AsType[*errs.Error](last)
			if n != 10 || errs.KindOf(last) != errs.KindContract || !ok || call.Operation != "rows.list" || !strings.Contains(last.Error(), "next_page_offset") {
				t.Errorf("%s, ahead %d: %d rows, then %v", name, ahead, n, last)
			}
		}
	}
}

// A list that goes on, in a way that isn't understood, must not look as if it ended.
func TestAnOddPaginationEndsNoList(t *testing.T) {
	t.Parallel()
	for pagination, ends := range map[string]bool{
		`{"next_page_offset":"100"}`: false,
		`{"next_page_offset":1e99}`:  false,
		`{"next_page_offset":{}}`:    false,
		`7`:                          false,
		`[100]`:                      false,
		`{"next_page_offset":null}`:  true,
		`{"item_count":"many"}`:      true,
		`null`:                       true,
	} {
		var last error
		n := 0
		body := `{"status":"success","summaries":[{"n":1}],"pagination":` + pagination + `}`
		for r, err := range rows.All(t.Context(), client(t, fixed(200, body)), list.Params{}, nil) {
			if last = err; r != nil {
				n++
			}
		}
		if n != 1 || ends != (last == nil) || !ends && errs.KindOf(last) != errs.KindContract {
			t.Errorf("%s: %d rows, then %v", pagination, n, last)
		}
	}
}

// The offset that the API gives counts, not the one that was expected.
func TestAnOffsetThatSkipsIsFollowed(t *testing.T) {
	t.Parallel()
	for _, ahead := range []int{0, 4} {
		s := &server{count: 60, rewind: func(n int) int { return n + 10 }}
		var got []int
		for r, err := range rows.All(t.Context(), client(t, s), list.Params{PageSize: 10, Ahead: ahead}, nil) {
			if err != nil {
				t.Fatal(err)
			}
			if r.N%10 == 0 {
				got = append(got, r.N)
			}
		}
		if want := []int{0, 20, 40}; !slices.Equal(got, want) {
			t.Errorf("ahead %d: pages %v, want %v", ahead, got, want)
		}
	}
}

// However long the list is, a page and those fetched ahead are held, not more.
func TestALongListNeedsBoundedMemory(t *testing.T) {
	const count, blob = 10_000, 2_000
	s := &server{count: count, blob: `,"blob":{"text":"` + strings.Repeat("x", blob) + `"}`}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n, most := 0, uint64(0)
	for _, err := range rows.All(t.Context(), client(t, s), list.Params{Ahead: 2}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%1000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		}
	}
	if held := most - min(most, before.HeapAlloc); n != count || held > count*blob/3 {
		t.Errorf("%d rows, %d KiB were held at a time", n, held>>10)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	const document = `{"status":"success","more":1,"summaries":[{"n":1},{"n":"x","a":1},null,7],
		"pagination":{"item_count":9,"item_start":1,"item_end":4,"page_count":3,"page_index":1,"page_offset":0,"page_size":4,"next_page_offset":4,"previous_page_offset":null},
		"sorting":{"field":"id","direction":"desc"}}`
	page, err := rows.Page(t.Context(), client(t, fixed(200, document)), list.Params{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]string, len(page.Items))
	for i, item := range page.Items {
		raw[i] = string(item.Raw())
	}
	if want := []string{`{"n":1}`, `{"n":"x","a":1}`, `null`, `7`}; !slices.Equal(raw, want) {
		t.Errorf("the rows are %q, want %q", raw, want)
	}
	if next, ok := page.Next(); !ok || next != 4 || page.Pagination.ItemCount != 9 || page.Sorting.Direction != "desc" || string(page.Raw()) != document {
		t.Errorf("got %+v, %+v", page.Pagination, page.Sorting)
	}
	for name, body := range map[string]string{
		"no list":         `{"status":"success","details":{}}`,
		"an odd list":     `{"status":"success","summaries":7}`,
		"a null list":     `{"status":"success","summaries":null}`,
		"no JSON":         `<html>`,
		"an empty answer": ``,
	} {
		if _, err := rows.Page(t.Context(), client(t, fixed(200, body)), list.Params{}, nil); errs.KindOf(err) != errs.KindContract {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, body := range map[string]string{
		"no pagination":   `{"status":"success","summaries":[]}`,
		"null pagination": `{"status":"success","summaries":[],"pagination":null,"sorting":null}`,
		"odd pagination":  `{"status":"success","summaries":[],"pagination":7,"sorting":"id"}`,
	} {
		page, err := rows.Page(t.Context(), client(t, fixed(200, body)), list.Params{}, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, more := page.Next(); more || page.Items == nil {
			t.Errorf("%s: %+v", name, page)
		}
	}
}

// fixed is an API with one response.
func fixed(status int, body string) roundTripper {
	return func(*http.Request) (*http.Response, error) { return response(status, body), nil }
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestParamsAreSentAsTheQuery(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		params list.Params
		want   string
	}{
		{list.Params{}, "agent_id=a&pagination[offset]=0&pagination[page_size]=100"},
		{list.Params{Offset: 20, PageSize: 10, Ahead: 6}, "agent_id=a&pagination[offset]=20&pagination[page_size]=10"},
		{list.Params{Sort: list.Sort{Field: "id"}}, "agent_id=a&pagination[offset]=0&pagination[page_size]=100&sorting[direction]=asc&sorting[field]=id"},
		{list.Params{Sort: list.Sort{Field: "id", Descending: true}}, "agent_id=a&pagination[offset]=0&pagination[page_size]=100&sorting[direction]=desc&sorting[field]=id"},
		{list.Params{Sort: list.Sort{Field: "id", Bare: true}}, "agent_id=a&pagination[offset]=0&pagination[page_size]=100&sorting=id"},
		{list.Params{Sort: list.Sort{Field: "id", Bare: true, Descending: true}}, "agent_id=a&pagination[offset]=0&pagination[page_size]=100&sorting=-id"},
	} {
		var got string
		c := client(t, roundTripper(func(req *http.Request) (*http.Response, error) {
			got, _ = url.QueryUnescape(req.URL.RawQuery)
			return response(200, `{"status":"success","summaries":[]}`), nil
		}))
		if _, err := rows.Page(t.Context(), c, tt.params, url.Values{"agent_id": {"a"}}); err != nil || got != tt.want {
			t.Errorf("%+v: %v\n got %s\nwant %s", tt.params, err, got, tt.want)
		}
	}
}

func TestParamsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for field, params := range map[string]list.Params{
		"Offset":     {Offset: -1},
		"PageSize":   {PageSize: 101},
		"Ahead":      {Ahead: 7},
		"Sort.Field": {Sort: list.Sort{Descending: true}},
	} {
		s := &server{count: 1}
		_, err := rows.Page(t.Context(), client(t, s), params, nil)
		input, ok := errors.AsType[*errs.ClientError](err)
		if !ok || input.Field != field || len(s.offsets) > 0 {
			t.Errorf("%+v: %v, sent %v", params, err, s.offsets)
		}
		for _, all := range rows.All(t.Context(), client(t, s), params, nil) {
			if errs.KindOf(all) != errs.KindClient {
				t.Errorf("%+v: All gives %v", params, all)
			}
		}
	}
}

// Options apply to each page, and those that would be shared between pages don't
// race.
func TestOptionsApplyToEachPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{count: 50, delay: time.Second}
		meta := new(transport.Meta)
		n := 0
		for _, err := range rows.All(t.Context(), client(t, s), list.Params{PageSize: 5, Ahead: 6}, nil,
			transport.WithTimeout(2*time.Second), transport.WithMeta(meta)) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != 50 || meta.Status != 0 {
			t.Errorf("%d rows, meta %+v", n, meta)
		}
	})
}

func TestAPageCanBeEncoded(t *testing.T) {
	t.Parallel()
	page, err := rows.Page(t.Context(), client(t, fixed(200, `{"status":"success","summaries":[{"n":1}]}`)), list.Params{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(page)
	if err != nil || !bytes.Contains(text, []byte(`"n":1`)) {
		t.Errorf("%s, %v", text, err)
	}
}
