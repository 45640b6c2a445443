package prefactortest

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// An Option configures the fake that [New] makes. The options panic on what can't
// be, such as a negative latency or a nil function.
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
	unknown            unknownMode
	anyIDs             bool
	cancelActive       bool
	closeSpans         bool
	requireSchemas     bool
	bracketSortingOnly bool
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

// WithClock sets the fake's clock, which it reads for default timestamps, ids
// and Retry-After dates. The default is [time.Now], which is virtual time in
// a synctest bubble.
func WithClock(now func() time.Time) Option {
	must(now != nil, "WithClock(nil)", "give a function, or leave the option out")
	return func(s *settings) { s.clock = now }
}

// WithSeed seeds the generated ids and [Fault.Chance]. The default is 1. With
// a fixed clock, two runs that send the same requests in sequence get the
// same ids.
func WithSeed(seed uint64) Option {
	return func(s *settings) { s.seed = seed }
}

// WithToken adds an accepted token with its rights. [Token] stays accepted;
// use [Fake.RevokeToken] to refuse it.
func WithToken(token string, grant Grant) Option {
	must(token != "", `WithToken("")`, "give a token")
	return func(s *settings) { s.tokens[token] = grant }
}

// WithT fails the test, when it ends, if an injected fault is [Fake.Unfired].
// [NewServer] sets it.
func WithT(t testing.TB) Option {
	mustTest("WithT", t)
	return func(s *settings) { s.t = t }
}

// WithObserver calls observe for each exchange, after the fake has decided on
// the response and before it sends it. observe runs on the goroutine that
// serves the request, so concurrent requests call it concurrently. It may call
// any method of the fake.
func WithObserver(observe func(Exchange)) Option {
	must(observe != nil, "WithObserver(nil)", "give a function, or leave the option out")
	return func(s *settings) { s.observe = observe }
}

// WithJournalLimit keeps only the last n exchanges in the journal, for a fake
// that runs for a long time. The default, 0, keeps all of them.
func WithJournalLimit(n int) Option {
	must(n >= 0, fmt.Sprintf("WithJournalLimit(%d)", n), "give a number of exchanges, or 0 for all")
	return func(s *settings) { s.journalLimit = n }
}

// WithLatency delays every response by d. The default is 0.
func WithLatency(d time.Duration) Option {
	mustWait("WithLatency", d)
	return func(s *settings) { s.latency = d }
}

// An unknownMode says what happens to body fields and query parameters that the
// operation doesn't have.
type unknownMode int

const (
	ignoreUnknown unknownMode = iota
	refuseUnknown
	dropUnknown
)

// RefuseUnknown refuses, with 422, body fields and query parameters that the
// operation doesn't have, at every level. It finds the misspelt and outdated
// fields of the client under test. By default they are ignored. Of
// RefuseUnknown and [DropUnknown], the last one given counts.
func RefuseUnknown() Option {
	return func(s *settings) { s.unknown = refuseUnknown }
}

// DropUnknown does with unknown body fields and query parameters what the API
// does: it ignores them at every level, and the client isn't told. The journal
// names them, in [Exchange.Dropped].
//
// An idempotency key inside details is dropped, too, as are quality_schema and
// quality_payload, which the API had before it named its quality schemas. By
// default the fake takes all three.
func DropUnknown() Option {
	return func(s *settings) { s.unknown = dropUnknown }
}

// Strict refuses what the API's documentation doesn't mention. The fake
// otherwise accepts it, because official clients send it or the API is
// reported to accept it:
//
//   - what [RefuseUnknown] refuses, unless [DropUnknown] is given, too
//   - a body without a JSON content type
//   - an idempotency key that is empty or has more than 64 characters
//   - an agent that was never created, and a registration without an agent
//   - a parent span of another instance
//   - a finished_at on an open span
//   - a quality recording without a payload
//   - bulk items with a span's fields outside details
func Strict() Option {
	return func(s *settings) { s.strict = true }
}

// AnyIDs accepts client-chosen ids of any form. By default they must be PFIDs.
func AnyIDs() Option {
	return func(s *settings) { s.anyIDs = true }
}

// CancelActive allows an active instance to be finished as cancelled. By
// default that is 409 invalid_action: cancelled means that it never started.
func CancelActive() Option {
	return func(s *settings) { s.cancelActive = true }
}

// CloseSpansOnTerminate makes a termination end the instance's open spans:
// active spans become failed, pending ones cancelled, and finishing one later
// is 409 invalid_action. By default they stay open.
func CloseSpansOnTerminate() Option {
	return func(s *settings) { s.closeSpans = true }
}

// RequireSchemas refuses, with 422, a span whose schema_name the registration
// didn't declare. By default any name is accepted.
func RequireSchemas() Option {
	return func(s *settings) { s.requireSchemas = true }
}

// BracketSortingOnly refuses, with 422, a list's order written as
// sorting=-field. By default it is accepted beside sorting[field] and
// sorting[direction].
func BracketSortingOnly() Option {
	return func(s *settings) { s.bracketSortingOnly = true }
}

// MismatchStatus sets the status of the response to a known idempotency key
// with another body: 409, the default, with the code conflict, or 422 with the
// code validation_errors.
func MismatchStatus(status int) Option {
	must(status == http.StatusConflict || status == http.StatusUnprocessableEntity, fmt.Sprintf("MismatchStatus(%d)", status), "give 409 or 422")
	return func(s *settings) { s.mismatchStatus = status }
}
