package prefactortest

import (
	"fmt"
	"testing"
	"time"
)

// must panics unless what the call gives is possible.
func must(possible bool, call, remedy string) {
	if !possible {
		panic(fmt.Sprintf("prefactortest: %s is impossible: %s", call, remedy))
	}
}

func mustTest(name string, t testing.TB) { must(t != nil, name+"(nil)", "give the test") }

func mustWait(name string, d time.Duration) {
	must(d >= 0, fmt.Sprintf("%s(%s)", name, d), "give 0 or more")
}
