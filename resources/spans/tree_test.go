package spans_test

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/internal/wiretest"
	"github.com/prefactordev/prefactor-go/resources/list"
	"github.com/prefactordev/prefactor-go/resources/spans"
)

// step returns a span that started at a second and took 1.5 s.
func step(id, parent string, second int) *spans.Span {
	at := started.Add(time.Duration(second) * time.Second)
	return &spans.Span{ID: id, ParentSpanID: parent, SchemaName: id, Status: spans.Complete, StartedAt: at, FinishedAt: at.Add(1500 * time.Millisecond)}
}

// listOf returns a list of spans, which ends with err if that isn't nil.
func listOf(err error, all ...*spans.Span) iter.Seq2[*spans.Span, error] {
	return func(yield func(*spans.Span, error) bool) {
		for _, span := range all {
			if !yield(span, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// outline returns the ids of a tree, each with its depth.
func outline(tree *spans.Tree) string {
	var b strings.Builder
	for depth, span := range tree.All() {
		fmt.Fprintf(&b, "%d%s ", depth, span.ID)
	}
	return strings.TrimSpace(b.String())
}

func TestATreeHasEachSpanBelowItsParent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		all  []*spans.Span
		want string
	}{
		{"no span", nil, ""},
		{"in the order of their start", []*spans.Span{step("d", "a", 4), step("c", "b", 3), step("b", "a", 2), step("a", "", 1)}, "0a 1b 2c 1d"},
		{"in the list's order, if they started together", []*spans.Span{step("a", "", 0), step("c", "a", 1), step("b", "a", 1)}, "0a 1c 1b"},
		{"several roots", []*spans.Span{step("b", "", 2), step("a", "", 1), step("c", "a", 3)}, "0a 1c 0b"},
		{"a missing parent", []*spans.Span{step("b", "gone", 2), step("a", "", 1), step("c", "b", 3)}, "0a 0b 1c"},
		{"a span twice", []*spans.Span{step("a", "", 1), step("b", "a", 2), step("b", "a", 2)}, "0a 1b"},
		{"its own parent", []*spans.Span{step("a", "a", 1), step("b", "a", 2)}, "0a 1b"},
		{"a circle", []*spans.Span{step("c", "b", 3), step("b", "a", 2), step("a", "c", 1)}, "0a 1b 2c"},
		{"a circle that started before a root", []*spans.Span{step("r", "", 5), step("b", "a", 2), step("a", "b", 1)}, "0a 1b 0r"},
		{"two circles and what hangs on one", []*spans.Span{step("a", "b", 1), step("b", "a", 2), step("c", "d", 3), step("d", "c", 4), step("e", "d", 5)}, "0a 1b 0c 1d 2e"},
		{"rows that are no spans", []*spans.Span{{}, step("a", "", 1), {}, step("b", "a", 2)}, "0 0 0a 1b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tree, err := spans.NewTree(listOf(nil, tt.all...))
			if err != nil {
				t.Fatal(err)
			}
			if got := outline(tree); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestATreeHasTheSpansBeforeAnError(t *testing.T) {
	t.Parallel()
	failure := errors.New("no more")
	tree, err := spans.NewTree(listOf(failure, step("a", "", 1), step("b", "a", 2)))
	if !errors.Is(err, failure) || outline(tree) != "0a 1b" {
		t.Errorf("got %s, %v", outline(tree), err)
	}
}

func TestAWalkOverATreeCanEndEarly(t *testing.T) {
	t.Parallel()
	tree, err := spans.NewTree(listOf(nil, step("a", "", 1), step("b", "a", 2), step("c", "", 3)))
	if err != nil {
		t.Fatal(err)
	}
	var seen string
	for _, span := range tree.All() {
		if seen += span.ID; span.ID == "b" {
			break
		}
	}
	if seen != "ab" {
		t.Errorf("saw %s", seen)
	}
}

func TestATreeAsText(t *testing.T) {
	t.Parallel()
	running := step("app:llm", "app:agent", 2)
	running.Status, running.FinishedAt = spans.Active, time.Time{}
	odd := step("app:tool\n\x1b[31m", "app:llm", 3)
	tree, err := spans.NewTree(listOf(nil, step("app:agent", "", 1), running, odd))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(tree.String(), "\n")
	if len(lines) != 4 || lines[0] != "app:agent complete 1.5s" || lines[1] != "  app:llm active" || !strings.HasPrefix(lines[2], "    app:tool") || lines[3] != "" {
		t.Errorf("got\n%s", tree)
	}
	if strings.Contains(tree.String(), "\x1b") {
		t.Errorf("a name of the server isn't made safe: %q", tree)
	}
}

// A tree of many spans takes little time and text, however they hang together.
func TestATreeOfManySpans(t *testing.T) {
	t.Parallel()
	const many = 10_000
	shapes := map[string]func(i int) (parent string){
		"deep":    func(i int) string { return fmt.Sprint(i - 1) },
		"wide":    func(i int) string { return "0" },
		"a ring":  func(i int) string { return fmt.Sprint((i + many - 1) % many) },
		"circles": func(i int) string { return fmt.Sprint(i ^ 1) },
		"selves":  func(i int) string { return fmt.Sprint(i) },
		"a tree":  func(i int) string { return fmt.Sprint(i / 3) },
	}
	for name, parent := range shapes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := make([]*spans.Span, many)
			for i := range all {
				all[many-1-i] = step(fmt.Sprint(i), parent(i), i)
			}
			tree, err := spans.NewTree(listOf(nil, all...))
			if err != nil {
				t.Fatal(err)
			}
			seen := make(map[string]bool)
			for _, span := range tree.All() {
				seen[span.ID] = true
			}
			if len(seen) != many {
				t.Errorf("%d of %d spans are in the tree", len(seen), many)
			}
			text := tree.String()
			if n := strings.Count(text, "\n"); n != many {
				t.Errorf("%d lines", n)
			}
			if len(text) > many*300 {
				t.Errorf("the text has %d bytes", len(text))
			}
		})
	}
}

// Ten thousand spans of the fake are read page by page, several pages at a time.
func TestManySpansOfTheFakeAreStreamed(t *testing.T) {
	t.Parallel()
	const many = 10_000
	ctx := t.Context()
	fake := prefactortest.New(prefactortest.WithJournalLimit(200))
	client := wiretest.Client(t, fake)
	run, err := instances.New(client).Register(ctx, instances.RegisterParams{})
	if err != nil {
		t.Fatal(err)
	}
	s := spans.New(client)
	parent := ""
	for i := range many {
		span, err := s.Create(ctx, spans.CreateParams{AgentInstanceID: run.ID, SchemaName: "app:step", ParentSpanID: parent, Payload: map[string]any{"i": i}})
		if err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 {
			parent = span.ID
		}
	}
	for _, params := range []list.Params{{Ahead: list.MaxAhead}, {}} {
		n := 0
		for span, err := range s.All(ctx, spans.ListParams{AgentInstanceID: run.ID, Params: params}) {
			if err != nil {
				t.Fatal(err)
			}
			var payload struct {
				I int `json:"i"`
			}
			if err := span.Payload.Decode(&payload); err != nil || payload.I != n {
				t.Fatalf("%+v: span %d is %d, %v", params, n, payload.I, err)
			}
			n++
		}
		if n != many {
			t.Errorf("%+v: %d spans", params, n)
		}
	}
	tree, err := spans.NewTree(s.All(ctx, spans.ListParams{AgentInstanceID: run.ID, Params: list.Params{Ahead: 6}}))
	if err != nil {
		t.Fatal(err)
	}
	roots, n := len(tree.Roots), 0
	for range tree.All() {
		n++
	}
	if roots != 1 || n != many {
		t.Errorf("%d roots, %d spans", roots, n)
	}
}

// A loop that ends early fetches no page that it doesn't need.
func TestABreakEndsTheReadingOfSpans(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	fake := prefactortest.New()
	client := wiretest.Client(t, fake)
	run, err := instances.New(client).Register(ctx, instances.RegisterParams{})
	if err != nil {
		t.Fatal(err)
	}
	s := spans.New(client)
	for range 30 {
		if _, err := s.Create(ctx, spans.CreateParams{AgentInstanceID: run.ID, SchemaName: "app:step"}); err != nil {
			t.Fatal(err)
		}
	}
	before := len(fake.Journal())
	n := 0
	for _, err := range s.All(ctx, spans.ListParams{AgentInstanceID: run.ID, Params: list.Params{PageSize: 10}}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 12 {
			break
		}
	}
	if pages := len(fake.Journal()) - before; pages != 2 {
		t.Errorf("%d pages were fetched for 12 spans, want 2", pages)
	}
}
