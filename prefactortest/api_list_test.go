package prefactortest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

func TestPagination(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	for range 25 {
		c.register()
	}
	const full = `{"item_count":25,"item_start":%d,"item_end":%d,"page_count":%d,"page_index":%d,` +
		`"page_offset":%d,"page_size":%d,"next_page_offset":%s,"previous_page_offset":%s}`
	tests := []struct {
		query string
		rows  int
		want  string
	}{
		{"", 20, fmt.Sprintf(full, 1, 20, 2, 1, 0, 20, "20", "null")},
		{"pagination[offset]=20", 5, fmt.Sprintf(full, 21, 25, 2, 2, 20, 20, "null", "0")},
		{"pagination[page_size]=10", 10, fmt.Sprintf(full, 1, 10, 3, 1, 0, 10, "10", "null")},
		{"pagination[offset]=10&pagination[page_size]=10", 10, fmt.Sprintf(full, 11, 20, 3, 2, 10, 10, "20", "0")},
		{"pagination[offset]=3&pagination[page_size]=7", 7, fmt.Sprintf(full, 4, 10, 4, 1, 3, 7, "10", "0")},
		{"pagination[page_size]=25", 25, fmt.Sprintf(full, 1, 25, 1, 1, 0, 25, "null", "null")},
		{"pagination[offset]=90&pagination[page_size]=10", 0, fmt.Sprintf(full, 0, 0, 3, 10, 90, 10, "null", "80")},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			a := c.get("/agent_instance?" + tt.query)
			a.must(t)
			if rows := a.doc["summaries"].([]any); len(rows) != tt.rows {
				t.Errorf("%d rows, want %d", len(rows), tt.rows)
			}
			if !strings.Contains(string(a.body), `"pagination":`+tt.want) {
				t.Errorf("got  %s\nwant %s", a.body[len(a.body)-300:], tt.want)
			}
		})
	}
}

func TestEmptyList(t *testing.T) {
	t.Parallel()
	a := direct(t, prefactortest.New()).get("/agent_spans")
	wantJSON(t, a.body, `{"status":"success","summaries":[],"pagination":{"item_count":0,"item_start":0,"item_end":0,`+
		`"page_count":0,"page_index":1,"page_offset":0,"page_size":20,"next_page_offset":null,"previous_page_offset":null},"sorting":null}`)
}

func TestListRefuses(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	tests := []struct{ query, path string }{
		{"pagination[page_size]=0", "pagination[page_size]"},
		{"pagination[page_size]=101", "pagination[page_size]"},
		{"pagination[page_size]=many", "pagination[page_size]"},
		{"pagination[offset]=-1", "pagination[offset]"},
		{"sorting=colour", "sorting"},
		{"sorting[field]=colour", "sorting"},
		{"sorting[field]=id&sorting[direction]=down", "sorting[direction]"},
	}
	for _, list := range []string{"/agent_instance", "/agent_spans", "/agent", "/alerts"} {
		for _, tt := range tests {
			t.Run(list+"?"+tt.query, func(t *testing.T) {
				c.get(list+"?"+tt.query).invalid(t, tt.path, "invalid_value")
			})
		}
	}
}

func TestSorting(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	instance := c.started()
	create := func(schema, status string) string {
		body := strings.Replace(spanBody(instance, status, ""), "app:llm", schema, 1)
		return c.post("/agent_spans", body).must(t)["id"].(string)
	}
	b, a, d := create("b", "active"), create("a", "failed"), create("d", "complete")
	tests := []struct {
		query   string
		want    []string
		sorting string
	}{
		{"sorting=title", []string{a, b, d}, `{"field":"title","direction":"asc"}`},
		{"sorting=-title", []string{d, b, a}, `{"field":"title","direction":"desc"}`},
		{"sorting[field]=title", []string{a, b, d}, `{"field":"title","direction":"asc"}`},
		{"sorting[field]=status&sorting[direction]=desc", []string{a, d, b}, `{"field":"status","direction":"desc"}`},
		{"", []string{b, a, d}, `null`},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			got := c.get("/agent_spans?" + tt.query)
			wantIDs(t, got, tt.want...)
			if !strings.HasSuffix(string(got.body), `"sorting":`+tt.sorting+`}`) {
				t.Errorf("the sorting isn't %s: %s", tt.sorting, got.body)
			}
		})
	}
}

func TestEverySortField(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	c.move(c.post("/agent_instance/register", `{"external_identifier":"b"}`).must(t)["id"].(string), `finish {"status":"cancelled"}`)
	instance := c.post("/agent_instance/register", `{"external_identifier":"a"}`).must(t)["id"].(string)
	c.move(instance, `start {"timestamp":"2026-01-02T03:04:05Z"}`)
	c.move(instance, `finish {"timestamp":"2026-01-02T03:04:05Z"}`)
	for n, status := range []string{"complete", "failed", "cancelled"} {
		c.post("/agent_spans", spanBody(instance, status, fmt.Sprintf(`"started_at":"2026-01-0%dT00:00:00Z"`, 1+n*5%3)))
	}
	c.post("/agent", `{"details":{"name":"z","external_identifier":"z"}}`)
	c.raise(instance, "b", "info", `,"raised_at":"2026-01-02T03:04:05Z"`)
	c.raise(instance, "a", "info", "")
	c.clear(instance, "a", "").must(t)
	tests := []struct{ list, fields string }{
		{"/agent_instance", "id status external_identifier inserted_at=timestamp started_at finished_at"},
		{"/agent_spans", "id status schema_title=title started_at=timestamp started_at finished_at"},
		{"/agent", "id name status external_identifier inserted_at=timestamp"},
		{"/alerts", "id name title status raised_at=timestamp"},
	}
	for _, tt := range tests {
		for field := range strings.FieldsSeq(tt.fields) {
			shown, sorting, ok := strings.Cut(field, "=")
			if !ok {
				sorting = shown
			}
			for _, direction := range []string{"asc", "desc"} {
				a := c.get(tt.list + "?sorting[field]=" + sorting + "&sorting[direction]=" + direction)
				a.must(t)
				var values []string
				for _, row := range a.doc["summaries"].([]any) {
					value, _ := row.(map[string]any)[shown].(string) // null is ""
					values = append(values, value)
				}
				if direction == "desc" {
					slices.Reverse(values)
				}
				if len(values) < 2 || !slices.IsSorted(values) {
					t.Errorf("%s by %s, %s: the values are %q", tt.list, sorting, direction, values)
				}
			}
		}
	}
}

func TestBracketSortingOnly(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New(prefactortest.BracketSortingOnly()))
	c.get("/agent_instance?sorting=id").invalid(t, "sorting", "invalid_value")
	c.get("/agent_instance?sorting[field]=id&sorting[direction]=desc").must(t)
}

// A sorted list is cached for its other pages, until the next write.
func TestSortedListSeesWrites(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	instance := c.started()
	const list = "/agent_spans?sorting=-started_at"
	one := c.span(instance, "active")
	wantIDs(t, c.get(list), one)
	two := c.post("/agent_spans", spanBody(instance, "complete", `"started_at":"2100-01-01T00:00:00Z"`)).must(t)["id"].(string)
	wantIDs(t, c.get(list), two, one)
	wantIDs(t, c.get(list+"&pagination[offset]=1"), one)
	wantIDs(t, c.get("/agent_spans?sorting=started_at"), one, two)
	c.get("/agent_instance?sorting=id").must(t)
	f.Terminate(instance, "budget")
	if got := c.get("/agent_instance?sorting=id").doc["summaries"].([]any)[0].(map[string]any)["status"]; got != "terminated" {
		t.Errorf("the list shows %v after the termination", got)
	}
}
