package conformance

import (
	"bufio"
	"bytes"
	"context"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// inBubble runs f in a bubble of virtual time. It reports whether goroutines
// were left that can never end, for which [synctest.Test] panics.
func inBubble(t *testing.T, f func(t *testing.T)) (stuck bool) {
	t.Helper()
	defer func() {
		problem := recover()
		if err, ok := problem.(error); ok && strings.HasPrefix(err.Error(), "deadlock") {
			stuck = true
			return
		}
		if problem != nil {
			panic(problem)
		}
	}()
	synctest.Test(t, f)
	return false
}

// watchLabel marks the goroutines that a watched function starts.
const watchLabel = "prefactor-conformance"

var watches atomic.Int64

// watchGoroutines runs f. strays returns, for each running goroutine that f
// has started directly or indirectly, the function that it is in.
func watchGoroutines(f func(strays func() []string)) {
	id := strconv.FormatInt(watches.Add(1), 10)
	pprof.Do(context.Background(), pprof.Labels(watchLabel, id), func(context.Context) {
		f(func() []string { return labelled(id) })
	})
}

// labelled returns the innermost function of each other goroutine with the
// label id.
func labelled(id string) []string {
	self := caller()
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		panic("conformance: can't list the goroutines: " + err.Error())
	}
	var found []string
	// Goroutines with the same stack share a block, which begins with their
	// number. Empty lines separate the blocks.
	for block := range strings.SplitSeq(profile.String(), "\n\n") {
		if !strings.Contains(block, strconv.Quote(watchLabel)+":"+strconv.Quote(id)) || strings.Contains(block, "\t"+self+"+0x") {
			continue
		}
		name := innermost(block)
		if strings.HasPrefix(name, "runtime.goexit") {
			continue // is ending
		}
		head, _, _ := strings.Cut(block, " @")
		number, _ := strconv.Atoi(head[strings.LastIndexByte(head, '\n')+1:])
		for range number {
			found = append(found, name)
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

// innermost returns the first function of a stack outside the packages runtime,
// sync and time, or else its last.
func innermost(block string) (name string) {
	lines := bufio.NewScanner(strings.NewReader(block))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 || fields[0] != "#" || fields[1] == "labels:" {
			continue
		}
		name, _, _ = strings.Cut(fields[2], "+0x")
		if !strings.HasPrefix(name, "runtime.") && !strings.HasPrefix(name, "sync.") && !strings.HasPrefix(name, "time.") {
			break
		}
	}
	return name
}
