package prefactortest

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Tree draws the instances and their spans, oldest first, each with its
// status:
//
//	instance complete
//	├── app:agent complete
//	│   ├── app:llm complete
//	│   └── app:tool failed
//	└── app:llm active
//
// An instance is shown with its external identifier and its termination
// reason, if it has them. A span whose parent isn't in its instance is drawn at
// the top level.
func (f *Fake) Tree() string {
	f.made()
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	for _, r := range f.allInstances {
		i := r.now.Load()
		b.WriteString("instance ")
		if i.ExternalIdentifier != "" {
			b.WriteString(i.ExternalIdentifier + " ")
		}
		b.WriteString(i.Status)
		if i.TerminationReason != "" {
			fmt.Fprintf(&b, " (%s)", i.TerminationReason)
		}
		b.WriteByte('\n')
		children := r.children()
		drawSpans(&b, children, "", "")
	}
	return b.String()
}

// sorted returns a drawn tree with the nodes below each other node in the order
// of their text.
func sorted(tree string) string {
	var b strings.Builder
	drawNodes(&b, nodes(lines(tree), 0), "")
	return b.String()
}

// node is a line of a drawn tree, and what stands below it.
type node struct {
	text  string
	below []node
}

// nodes parses the lines of a tree whose nodes stand at depth, and sorts them.
func nodes(tree []string, depth int) (list []node) {
	for begin := 0; begin < len(tree); {
		end := begin + 1
		for end < len(tree) && depthOf(tree[end]) > depth {
			end++
		}
		list = append(list, node{strings.TrimLeft(tree[begin], branches), nodes(tree[begin+1:end], depth+1)})
		begin = end
	}
	slices.SortFunc(list, func(a, b node) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return list
}

// branches are the characters in front of a node.
const branches = "│├└─ "

// depthOf returns how deep a line's node stands: each level has four characters.
func depthOf(line string) int {
	front := line[:len(line)-len(strings.TrimLeft(line, branches))]
	return utf8.RuneCountInString(front) / 4
}

func drawNodes(b *strings.Builder, list []node, indent string) {
	for _, n := range list {
		b.WriteString(indent + n.text + "\n")
		drawNodes(b, n.below, indent+"    ")
	}
}

// children lists the instance's spans by the id of their parent, "" for the
// top level. The fake's lock is held.
func (r *instanceRecord) children() map[string][]*Span {
	here := make(map[string]bool, len(r.spans))
	for _, s := range r.spans {
		here[s.now.Load().ID] = true
	}
	children := make(map[string][]*Span)
	for _, record := range r.spans {
		s := record.now.Load()
		parent := s.ParentSpanID
		if !here[parent] {
			parent = ""
		}
		children[parent] = append(children[parent], s)
	}
	return children
}

func drawSpans(b *strings.Builder, children map[string][]*Span, parent, indent string) {
	spans := children[parent]
	for n, s := range spans {
		branch, below := "├── ", "│   "
		if n == len(spans)-1 {
			branch, below = "└── ", "    "
		}
		b.WriteString(indent + branch + s.SchemaName + " " + s.Status + "\n")
		drawSpans(b, children, s.ID, indent+below)
	}
}
