package prefactortest

import (
	"net/http"
	"testing"
	"time"
)

// An Option changes what [New] makes.
type Option func(*settings)

type settings struct {
	clock        func() time.Time
	seed         uint64
	tokens       map[string]Grant
	t            testing.TB
	observe      func(Exchange)
	journalLimit int
	latency      time.Duration

	strict             bool
	anyIDs             bool
	cancelActive       bool
	closeSpans         bool
	requireSchemas     bool
	bracketSortingOnly bool
	topLevelPFIDs      bool
	mismatchStatus     int
}

func defaultSettings() settings {
	return settings{
		clock:          time.Now,
		seed:           1,
		tokens:         map[string]Grant{Token: {}},
		mismatchStatus: http.StatusConflict,
	}
}

// WithClock sets the clock that the fake reads for default timestamps, ids
// and Retry-After dates. The default is [time.Now], which is virtual time in
// a synctest bubble.
func WithClock(now func() time.Time) Option {
	return func(s *settings) { s.clock = now }
}

// WithSeed seeds the generated ids and the probability of faults. The
// default is 1: together with a fixed clock two runs that send the same
// requests one after the other get the same ids.
func WithSeed(seed uint64) Option {
	return func(s *settings) { s.seed = seed }
}

// WithToken adds an accepted token with what it may do. [Token] stays
// accepted; use [Fake.RevokeToken] to refuse it.
func WithToken(token string, grant Grant) Option {
	return func(s *settings) { s.tokens[token] = grant }
}

// WithT ties the fake to a test: a fault that was injected and didn't fire
// fails the test when it ends. [NewServer] does it by itself.
func WithT(t testing.TB) Option {
	return func(s *settings) { s.t = t }
}

// WithObserver calls observe for each exchange once the fake has decided on
// its answer, before the answer goes out. It is called from the goroutine
// that serves the request, so concurrently for concurrent requests, and may
// call any method of the fake.
func WithObserver(observe func(Exchange)) Option {
	return func(s *settings) { s.observe = observe }
}

// WithJournalLimit keeps the last n exchanges in the journal, for a fake
// that runs for long. The default, 0, keeps all of them.
func WithJournalLimit(n int) Option {
	return func(s *settings) { s.journalLimit = n }
}

// WithLatency holds every answer back for d.
func WithLatency(d time.Duration) Option {
	return func(s *settings) { s.latency = d }
}

// Strict refuses what the API's documentation doesn't mention and the fake
// otherwise takes, since official clients send it or the API is reported to
// take it: unknown body fields and query parameters (so also a span's key
// inside details), a body without a JSON content type, an empty or a long
// idempotency key, agents that were never created, a registration without
// an agent, a parent span of another instance, a finished_at on a running
// span, bulk items with a span's fields outside details.
func Strict() Option {
	return func(s *settings) { s.strict = true }
}

// AnyIDs takes client-chosen ids of any form. Otherwise they must be PFIDs.
func AnyIDs() Option {
	return func(s *settings) { s.anyIDs = true }
}

// CancelActive lets an active instance be finished as cancelled. Otherwise
// that is 409 invalid_action: cancelled means that it never started.
func CancelActive() Option {
	return func(s *settings) { s.cancelActive = true }
}

// CloseSpansOnTerminate makes a termination end the instance's open spans,
// so that a late finish of one is 409 invalid_action: active spans become
// failed, pending ones cancelled. Otherwise they stay as they are.
func CloseSpansOnTerminate() Option {
	return func(s *settings) { s.closeSpans = true }
}

// RequireSchemas refuses a span whose schema_name the registration didn't
// declare, with 422. Otherwise any name is taken.
func RequireSchemas() Option {
	return func(s *settings) { s.requireSchemas = true }
}

// BracketSortingOnly refuses the sorting=-field spelling of a list's order,
// with 422, and leaves sorting[field] and sorting[direction].
func BracketSortingOnly() Option {
	return func(s *settings) { s.bracketSortingOnly = true }
}

// TopLevelPFIDs answers pfids.generate with pfids beside status. Otherwise
// they stand under details.
func TopLevelPFIDs() Option {
	return func(s *settings) { s.topLevelPFIDs = true }
}

// MismatchStatus sets the status of the answer to a known idempotency key
// with another body: 409, the default, with the code conflict; or 422 with
// the code validation_errors.
func MismatchStatus(status int) Option {
	return func(s *settings) { s.mismatchStatus = status }
}
