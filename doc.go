// Package prefactor is the front page of a toolkit for the Prefactor API, which
// observes AI agents: a run of an agent is an instance, its steps are spans.
// The package has no code; start with package resources, or with the README.
//
// # One call, from end to end
//
//	spans.Create(ctx, params)                      typed params become an operation and its input
//	  transport.Client                             encodes once, into a body that can be replayed
//	    ── once a call ──────────────────────────
//	    identify       X-Prefactor-SDK, User-Agent, Accept
//	    idempotency    one key for the whole call: header, and member of the body
//	    [PerCall: your layers, just outside retry]
//	    ── retry ────────────────────────────────  backoff, jitter, Retry-After, deadline
//	    ── once an attempt ──────────────────────
//	    [PerAttempt: your layers, just inside retry: they see outcomes, and no token]
//	    timeout        bounds one attempt
//	    classify       success, or which error
//	    envelope       the body, read and bounded
//	    auth           bearer token, only for the API's own origin
//	    [Wire: your layers next to the wire: what really goes out, token included]
//	    wire           counts what is written to connections
//	    base           *http.Transport, tuned
//	  <- a typed result, or a typed error with the story of its attempts
//
// Reading, classifying and decoding happen inside an attempt. A body that was cut
// is a failed attempt, which is repeated under any status. An HTML page under 503
// is repeated, as the 503 is. A complete but malformed 2xx is an error at once,
// because the call may have been applied.
//
// # Packages
//
// Each imports only what stands above it.
//
//	errs                       what can go wrong, as types and kinds
//	transport                  layers, stacks, and the client that sends one call through them
//	transport/rawjson          what models are written with: JSON that keeps every digit
//	middleware                 the layers, a file each; Default, the stack of them; its Config
//	resources                  the operations: instances, spans, bulk; on any client
//	prefactortest              the fake server, its faults and its journal
//	prefactortest/conformance  suites that test layers and stacks
//
// # Words
//
// A layer is one round tripper around another; a stack is a list of layers. A
// call is one use of an operation, an attempt one try at sending it. An outcome is
// what came of sending a request: success, or which failure. The envelope is the
// JSON document around the details. The key is the idempotency key.
//
// # What always holds
//
//   - One call has one idempotency key, the same on every attempt, hedge and
//     replay; a caller's key is never replaced.
//   - A call that succeeded was applied exactly once. One that failed was applied
//     at most once, and its error says whether it may have been.
//   - A POST without a key is sent again only when the server can't have acted on
//     it: nothing was written to a connection, or it answered 429.
//   - The token goes to the configured origin only, over https, or http on
//     loopback. It shows in no error, log or print. No redirect is followed.
//   - A request is never changed for its owner, and a body is replayed through
//     GetBody alone. Every body is closed on every path.
//   - A wait ends at once on cancellation; one that would outlast the deadline is
//     not begun. A Retry-After is never undercut.
//   - Responses are bounded in size.
//   - Unknown members, statuses and values are kept, and numbers in payloads keep
//     every digit.
//   - All of it is safe for concurrent use, and no goroutine outlives its call
//     except where its documentation says so.
package prefactor
