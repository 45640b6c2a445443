package transport

import (
	"fmt"
	"strings"
)

// width is how wide the rulers of a stack's picture are.
const width = 48

// String draws the stack: a line a layer, the outermost first, with a ruler
// where a layer repeats. Tokens don't show.
func (s Stack) String() string {
	var b strings.Builder
	repeats := s.index(func(e entry) bool { return e.scope.repeats() }) >= 0
	if repeats {
		ruler(&b, PerCall.String(), "")
	}
	for i, e := range s.entries {
		if !e.scope.repeats() {
			line(&b, e.name, e.detail)
			continue
		}
		ruler(&b, e.name, e.detail)
		if i+1 == len(s.entries) || !s.entries[i+1].scope.repeats() {
			ruler(&b, PerAttempt.String(), "")
		}
	}
	line(&b, "base", "")
	return b.String()
}

func line(b *strings.Builder, name, detail string) {
	b.WriteString(strings.TrimRight(fmt.Sprintf("   %-14s %s", name, detail), " "))
	b.WriteByte('\n')
}

func ruler(b *strings.Builder, name, detail string) {
	text := "── " + name + " "
	if detail != "" {
		text += "(" + detail + ") "
	}
	b.WriteString(text)
	b.WriteString(strings.Repeat("─", max(2, width-len([]rune(text)))))
	b.WriteByte('\n')
}
