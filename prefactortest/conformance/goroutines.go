package conformance

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
)

// watchLabel marks the goroutines that a watched function starts.
const watchLabel = "prefactor-conformance"

var watches atomic.Int64

// watchGoroutines runs f. found returns the goroutines that f has started
// directly or indirectly and, if it is called from elsewhere, the one that runs
// f. It leaves out the one that calls it and those that wait for a bubble.
func watchGoroutines(f func(found func() []goroutines)) {
	id := strconv.FormatInt(watches.Add(1), 10)
	pprof.Do(context.Background(), pprof.Labels(watchLabel, id), func(context.Context) {
		f(func() []goroutines { return labelled(id) })
	})
}

// goroutines are some that have the same stack.
type goroutines struct {
	number int
	stack  []frame // the innermost first
}

// A frame is one function of a stack, and where it is.
type frame struct{ function, place string }

// labelled returns the goroutines with the label id that aren't about to end.
func labelled(id string) []goroutines {
	self := caller()
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		panic("conformance: can't list the goroutines: " + err.Error())
	}
	var found []goroutines
	// Goroutines with the same stack share a block, which begins with their
	// number. Empty lines separate the blocks.
	for block := range strings.SplitSeq(profile.String(), "\n\n") {
		if !strings.Contains(block, strconv.Quote(watchLabel)+":"+strconv.Quote(id)) ||
			strings.Contains(block, "\t"+self+"+0x") || strings.Contains(block, "\ttesting/synctest.") {
			continue
		}
		head, _, _ := strings.Cut(block, " @")
		number, _ := strconv.Atoi(head[strings.LastIndexByte(head, '\n')+1:])
		g := goroutines{number, framesOf(block)}
		if !strings.HasPrefix(g.innermost(), "runtime.goexit") {
			found = append(found, g)
		}
	}
	return found
}

// caller returns the name of its calling function, as in profiles.
func caller() string {
	var pc [1]uintptr
	runtime.Callers(2, pc[:])
	frame, _ := runtime.CallersFrames(pc[:]).Next()
	return frame.Function
}

// framesOf reads the frames of a block, lines such as
// "#	0x47a3c1	sync.(*Mutex).Lock+0x21	/go/src/sync/mutex.go:46".
func framesOf(block string) (stack []frame) {
	for line := range strings.Lines(block) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0] != "#" || fields[1] == "labels:" {
			continue
		}
		function, _, _ := strings.Cut(fields[2], "+0x")
		stack = append(stack, frame{function, fields[3]})
	}
	return stack
}

// innermost returns the first function outside the packages runtime, sync and
// time, or else the last.
func (g goroutines) innermost() (function string) {
	for _, f := range g.stack {
		function = f.function
		if !strings.HasPrefix(function, "runtime.") && !strings.HasPrefix(function, "sync.") && !strings.HasPrefix(function, "time.") {
			break
		}
	}
	return function
}

// names returns the innermost function of each goroutine.
func names(found []goroutines) (list []string) {
	for _, g := range found {
		for range g.number {
			list = append(list, g.innermost())
		}
	}
	return list
}

// ours begins the names of this package's functions.
const ours = "github.com/prefactordev/prefactor-go/prefactortest/conformance."

// describe formats the stacks of the goroutines that are in the code under test:
// below a function of this package.
func describe(found []goroutines) string {
	const most = 3
	var b strings.Builder
	shown := 0
	for _, g := range found {
		tested := g.tested()
		if len(tested) == 0 {
			continue
		}
		if shown++; shown > most {
			break
		}
		fmt.Fprintf(&b, "\n\tgoroutines: %d", g.number)
		for _, f := range tested {
			if strings.HasPrefix(f.function, "runtime.") || strings.HasPrefix(f.function, "internal/") {
				continue
			}
			fmt.Fprintf(&b, "\n\t\t%s\n\t\t\t%s", f.function, f.place)
		}
	}
	if shown == 0 {
		return "goroutines are left in " + strings.Join(names(found), ", ")
	}
	return b.String()
}

// tested returns the part of a stack that a function of this package called;
// nothing if that function itself waits.
func (g goroutines) tested() []frame {
	for n, f := range g.stack {
		if strings.HasPrefix(f.function, ours) {
			if g.innermost() == f.function {
				return nil
			}
			return g.stack[:n]
		}
	}
	return nil
}
