// Package middleware has the layers that calls to the Prefactor API need, a
// file each, and [Default], the stack of them that most people start from:
//
//	── once a call ──────────────────────────
//	identify       who calls: X-Prefactor-SDK, User-Agent
//	idempotency    one key for the whole call
//	── retry ────────────────────────────────  backoff, Retry-After, deadline
//	── once an attempt ──────────────────────
//	timeout        bounds the attempt
//	classify       success or which error
//	envelope       the body, read and bounded
//	auth           the token, for the API's origin only
//	base
//
// More layers to put in where you need them:
//
//	Breaker        refuses while the server is down           once an attempt, as a rule
//	RateLimit      so many requests a second                  once an attempt, as a rule
//	Bulkhead       so many requests at a time                 once an attempt, as a rule
//	Adaptive       as many at a time as the server takes      once an attempt, as a rule
//	Hedge          a second request when the first is slow    outside or inside retry
//	Log            one record a call, by log/slog             once a call
//	Observe        events for metrics and traces              once a call
//	OnControl      the server's word that a run should end    once a call
//
// The first five take a policy of failsafe-go, yours or that of a constructor
// here; [RetryBudget] bounds how much retry adds to the traffic. Auth takes its
// token from a [TokenSource]: a [transport.Secret], a function, a file, the
// environment, or one that is refreshed when the API refuses it.
//
// Each layer can be used alone, in a [transport.Stack] of your own making, and
// states its position in its comment. Your own layers go where [transport.Stack]
// puts them:
//
//   - PerCall, just outside retry: they act once a call and see its outcome.
//   - PerAttempt, just inside retry: they act on each attempt, see its verdict,
//     and never the token.
//   - Wire, next to the base: they see what goes out, the token included. This
//     is the place to sign requests.
//
// All layers are safe for concurrent use, and keep the rules that
// package transport states for layers.
package middleware
