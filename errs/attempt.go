package errs

import "time"

// Attempt is one try at sending a call, as the retry layer records it.
type Attempt struct {
	Number   int           // 1 for the first
	Status   int           // the response's HTTP status; 0 if there was no response
	Err      error         // why the attempt failed; nil if it succeeded
	Reason   string        // what the retry layer decided, such as "retried" or "every attempt failed"
	Wait     time.Duration // wait between this attempt and the next; 0 after the last
	Duration time.Duration // time from sending to the end of the response

	// Sends is how often the request was written to a connection. It is more
	// than 1 if net/http itself sent it again, because a pooled connection turned
	// out to be dead, or if the attempt was sent again with a fresh token. It is 0
	// over a base that doesn't report to [net/http/httptrace].
	Sends int

	// Reused reports that the last of the Sends went over a connection that had
	// been used before. It is false if Sends is 0.
	Reused bool
}
