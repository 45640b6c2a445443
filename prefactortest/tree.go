package prefactortest

import (
	"fmt"
	"strings"
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
