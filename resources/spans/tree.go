package spans

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

// Tree is the spans of a run, each below the span that it is part of.
type Tree struct {
	Roots []*Node // in the order of their start
}

// Node is a span in its tree.
type Node struct {
	Span     *Span
	Children []*Node // in the order of their start
}

// NewTree returns the tree of the spans of a list, which may be in any order. A span
// whose parent isn't among them is a root.
//
//	tree, err := spans.NewTree(api.Spans.All(ctx, spans.ListParams{AgentInstanceID: run.ID}))
//	fmt.Print(tree)
//
// The error is the first of the list; the tree then has the spans before it.
func NewTree(list iter.Seq2[*Span, error]) (*Tree, error) {
	nodes, err := collect(list)
	byID := make(map[string]*Node, len(nodes))
	for _, node := range nodes {
		if node.Span.ID != "" {
			byID[node.Span.ID] = node
		}
	}
	tree := new(Tree)
	for _, node := range nodes {
		if parent := byID[node.Span.ParentSpanID]; parent != nil {
			parent.Children = append(parent.Children, node)
		} else {
			tree.Roots = append(tree.Roots, node)
		}
	}
	tree.open(nodes, byID)
	return tree, err
}

// collect returns a node for each span of a list, in the order of their start. A list
// that changes while it is read may have a span twice.
func collect(list iter.Seq2[*Span, error]) (nodes []*Node, err error) {
	if list == nil {
		return nil, nil
	}
	seen := make(map[string]bool)
	for span, failed := range list {
		if err = failed; err != nil {
			break
		}
		if span.ID == "" || !seen[span.ID] { // a row that isn't a span has no id
			seen[span.ID] = true
			nodes = append(nodes, &Node{Span: span})
		}
	}
	slices.SortStableFunc(nodes, byStart)
	return nodes, err
}

func byStart(a, b *Node) int { return a.Span.StartedAt.Compare(b.Span.StartedAt) }

// open makes a root of the first span of each circle of parents.
func (t *Tree) open(nodes []*Node, byID map[string]*Node) {
	reached := make(map[*Node]bool, len(nodes))
	reach := func(from []*Node) {
		for _, node := range walk(from) {
			reached[node] = true
		}
	}
	reach(t.Roots)
	for _, node := range nodes {
		if !reached[node] {
			parent := byID[node.Span.ParentSpanID]
			parent.Children = slices.DeleteFunc(parent.Children, func(child *Node) bool { return child == node })
			t.Roots = append(t.Roots, node)
			reach([]*Node{node})
		}
	}
	slices.SortStableFunc(t.Roots, byStart)
}

// All returns each span with its depth, 0 for a root: a span before those below it.
func (t *Tree) All() iter.Seq2[int, *Span] {
	return func(yield func(int, *Span) bool) {
		if t == nil {
			return
		}
		for depth, node := range walk(t.Roots) {
			if !yield(depth, node.Span) {
				return
			}
		}
	}
}

// walk returns each node with its depth: a node before those below it.
func walk(roots []*Node) iter.Seq2[int, *Node] {
	type open struct {
		nodes []*Node
		depth int
	}
	return func(yield func(int, *Node) bool) {
		for stack := []open{{roots, 0}}; len(stack) > 0; {
			last := &stack[len(stack)-1]
			if len(last.nodes) == 0 {
				stack = stack[:len(stack)-1]
				continue
			}
			node, depth := last.nodes[0], last.depth
			last.nodes = last.nodes[1:]
			if !yield(depth, node) {
				return
			}
			stack = append(stack, open{node.Children, depth + 1})
		}
	}
}

// maxIndent is the depth from on which String doesn't indent any further, so that a
// deep tree isn't a large text.
const maxIndent = 100

// String returns the tree as text, a line for each span with its status and how long
// it took. Spans are indented by their depth, up to 100:
//
//	app:agent complete 2.1s
//	  app:llm complete 1.2s
//	  app:tool failed 300ms
func (t *Tree) String() string {
	var b strings.Builder
	for depth, span := range t.All() {
		fmt.Fprintf(&b, "%s%s %s%s\n", strings.Repeat("  ", min(depth, maxIndent)), errs.Words(span.SchemaName), errs.Words(string(span.Status)), span.took())
	}
	return b.String()
}

// took returns how long a span took, as text; "" if it hasn't ended.
func (s *Span) took() string {
	if s.StartedAt.IsZero() || s.FinishedAt.IsZero() {
		return ""
	}
	return " " + s.FinishedAt.Sub(s.StartedAt).Round(time.Millisecond).String()
}
