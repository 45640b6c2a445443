// Package middleware has the layers that calls to the Prefactor API need, one
// in each file, and [Default], the stack that most programs start from:
//
//	── once a call ──────────────────────────
//	identify       X-Prefactor-SDK, User-Agent, Accept
//	idempotency    one key for the whole call
//	── retry ────────────────────────────────  backoff, Retry-After, deadline
//	── once an attempt ──────────────────────
//	timeout        limits the attempt
//	classify       decodes a success, types an error
//	envelope       reads the body, up to a limit
//	auth           the token, to the API's origin only
//	base
//
// Add these where you need them:
//
//	Breaker        refuses while the server is down           usually once an attempt
//	RateLimit      limits requests per second                 usually once an attempt
//	Bulkhead       limits requests in progress                usually once an attempt
//	Adaptive       the same, by how fast the server responds  usually once an attempt
//	Hedge          a second request if the first is slow      outside or inside retry
//	Log            one log/slog record for each call          once a call
//	Observe        events for metrics and traces              once a call
//	OnControl      the server's requests to stop a run        once a call
//	ForeignRetry   a retry of another package                 in place of Retry
//
// The first five take a policy of failsafe-go, your own or one that a
// constructor here makes. [RetryBudget] limits the load that retries add. Auth
// takes its token from a [TokenSource]: a [transport.Secret], a function, a
// file, the environment, or a source that is refreshed when the API refuses its
// token.
//
// Each layer can be used alone, in a [transport.Stack] of your own; its comment
// states its position. Methods of [transport.Stack] add your own layers at
// three places:
//
//   - PerCall, just outside retry: they act once a call and see its outcome.
//   - PerAttempt, just inside retry: they act once an attempt and see its
//     outcome, but never the token.
//   - Wire, next to the base: they see what is sent, the token included. Sign
//     requests here.
//
// All layers are safe for concurrent use and follow the rules for layers in
// package transport.
package middleware
