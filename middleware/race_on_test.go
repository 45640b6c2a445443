//go:build race

package middleware_test

// underRace tells that the race detector is on, which allocates by chance.
const underRace = true
