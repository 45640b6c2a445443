// Package errs defines the errors of Prefactor calls, and how a response's
// status, header and body become one of them.
//
// Every failure of a call is an [*Error]: the operation that failed, its
// attempts, how long it took, and the kind of failure inside. [KindOf] returns
// the kind, to branch on and for metrics. [errors.Is] with a sentinel asks for
// one kind, and [errors.As] gives the data of a type:
//
//	switch errs.KindOf(err) {
//	case errs.KindRateLimited:
//		wait, _ := errs.RetryAfter(err)
//		log.Printf("slow down for %s", wait)
//	case errs.KindNotFound:
//		// no such instance
//	}
//
// There are two groups of kinds, and [FromServer] reports which one an error
// belongs to:
//
//   - The server reported it: [AuthError], [NotFoundError], [ValidationError],
//     [ConflictError], [RateLimitError], and [APIError], which all of these
//     hold and which is used on its own for any other status.
//   - The client found it: [NetworkError], [ContractError], [CanceledError],
//     [RejectedError], [RetryExhaustedError] and [ClientError].
//
// After a failed write, [MaybeApplied] reports whether the server may have
// carried out the call, and [Retryable] whether sending it again can help.
// Repeat a call that may have been applied with the key in [Error.Key].
//
// No error in this package holds a token, a request or a response. What the
// server sent in place of a document is available from [ContractError.Snippet]
// only; no format verb prints it.
package errs
