package prefactortest

import (
	"fmt"
	"strings"
	"testing"
)

// AssertTree fails the test, with a diff, if [Fake.Tree] isn't want. Blank
// lines around want and an indentation common to all its lines are ignored.
//
// The order is that in which instances and spans were created. If several
// goroutines create them, use [Fake.AssertTreeUnordered].
func (f *Fake) AssertTree(t testing.TB, want string) {
	mustTest("AssertTree", t)
	t.Helper()
	assertLines(t, "tree", f.Tree(), want)
}

// AssertTreeUnordered is [Fake.AssertTree] for a tree whose instances, and the
// spans below each instance or span, may have been created in any order.
func (f *Fake) AssertTreeUnordered(t testing.TB, want string) {
	mustTest("AssertTreeUnordered", t)
	t.Helper()
	assertLines(t, "tree, with all that may have any order sorted,", sorted(f.Tree()), sorted(want))
}

// AssertJournal fails the test, with a diff, if the exchanges of
// [Fake.Journal], one [Exchange.String] a line, aren't want. Blank lines
// around want and an indentation common to all its lines are ignored.
func (f *Fake) AssertJournal(t testing.TB, want string) {
	mustTest("AssertJournal", t)
	t.Helper()
	var got strings.Builder
	for _, x := range f.Journal() {
		got.WriteString(x.String() + "\n")
	}
	assertLines(t, "journal", got.String(), want)
}

// AssertFired fails the test if there are [Fake.Unfired] faults.
func (f *Fake) AssertFired(t testing.TB) {
	f.made()
	mustTest("AssertFired", t)
	t.Helper()
	for _, a := range f.script.unfired() {
		t.Errorf("prefactortest: the fault %q, injected at %s, struck %d of %d requests%s", a.Fault, a.at, a.fired, a.expected(), f.requests())
	}
}

// requests lists the first exchanges, for a failure text.
func (f *Fake) requests() string {
	const most = 20
	journal := f.Journal()
	if len(journal) == 0 {
		return ": there were no requests"
	}
	var b strings.Builder
	b.WriteString("; the requests were")
	for n, x := range journal {
		if n == most {
			fmt.Fprintf(&b, "\n\tand %d more", len(journal)-most)
			break
		}
		b.WriteString("\n\t" + x.String())
	}
	return b.String()
}

func assertLines(t testing.TB, what, got, want string) {
	t.Helper()
	a, b := lines(want), lines(got)
	if strings.Join(a, "\n") != strings.Join(b, "\n") {
		t.Errorf("prefactortest: the %s differs (- want, + got):\n%s", what, diff(a, b))
	}
}

// lines splits text without its outer blank lines and the indentation of its
// first line.
func lines(text string) []string {
	list := strings.Split(text, "\n")
	for len(list) > 0 && strings.TrimSpace(list[0]) == "" {
		list = list[1:]
	}
	for len(list) > 0 && strings.TrimSpace(list[len(list)-1]) == "" {
		list = list[:len(list)-1]
	}
	if len(list) == 0 {
		return nil
	}
	indent := list[0][:len(list[0])-len(strings.TrimLeft(list[0], " \t"))]
	for i, line := range list {
		list[i] = strings.TrimRight(strings.TrimPrefix(line, indent), " \t")
	}
	return list
}

// diff merges two texts by their longest common subsequence.
func diff(want, got []string) string {
	common := make([][]int, len(want)+1)
	for i := range common {
		common[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if want[i] == got[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var b strings.Builder
	for i, j := 0, 0; i < len(want) || j < len(got); {
		switch {
		case i < len(want) && j < len(got) && want[i] == got[j]:
			b.WriteString("  " + want[i] + "\n")
			i, j = i+1, j+1
		case j == len(got) || i < len(want) && common[i+1][j] >= common[i][j+1]:
			b.WriteString("- " + want[i] + "\n")
			i++
		default:
			b.WriteString("+ " + got[j] + "\n")
			j++
		}
	}
	return b.String()
}
