// Package errs holds everything that can go wrong with a Prefactor call, as
// types, and the rules by which an answer's status, header and bytes become
// one of them.
//
// Every failure of a call is an [*Error]: which operation failed, after which
// attempts, how long it took, and the kind of failure inside. Ask for the kind
// with [errors.Is] and a sentinel, or with [errors.As] and a type:
//
//	var limited *errs.RateLimitError
//	switch {
//	case errors.As(err, &limited):
//		log.Printf("slow down for %s", limited.RetryAfter)
//	case errors.Is(err, errs.ErrNotFound):
//		// no such instance
//	}
//
// The kinds fall into two groups. The server said so: [AuthError],
// [NotFoundError], [ValidationError], [ConflictError], [RateLimitError], and
// [APIError], which all of these hold and which stands alone for any other
// status. The client found out: [NetworkError], [ContractError],
// [CanceledError], [RejectedError], [RetryExhaustedError] and [ClientError].
// [FromServer] tells the groups apart.
//
// Two questions matter after a failed write, and each has a function:
// [MaybeApplied] tells whether the server may have carried the call out, and
// [Retryable] whether sending it once more can help. A call that may have been
// applied is repeated with the key in [Error.Key].
//
// No error here holds a token, a request or a response. What the server sent
// in place of a document can be had from [ContractError.Snippet] alone; no
// format prints it.
package errs
