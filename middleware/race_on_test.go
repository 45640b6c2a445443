//go:build race

package middleware_test

// underRace reports whether the race detector is on. It adds allocations at
// random.
const underRace = true
