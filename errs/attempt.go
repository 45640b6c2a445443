package errs

import "time"

// Attempt is one try at sending a call, as the layer that repeats calls tells
// it.
type Attempt struct {
	Number   int           // 1 for the first
	Status   int           // the answer's HTTP status; 0 if there was no answer
	Err      error         // why the attempt failed; nil if it succeeded
	Reason   string        // what the retry layer made of it, such as "retried" or "every attempt failed"
	Wait     time.Duration // wait between this attempt and the next; 0 after the last
	Duration time.Duration // time from sending to the end of the answer

	// Sends is how often the request was written to a connection. It is more
	// than 1 where net/http itself sent it again, because a pooled connection
	// turned out to be dead, and where the attempt was sent again with a fresh
	// token. It is counted from the second attempt on, and in every attempt of a
	// call that is watched; 0 otherwise, and over a base that tells nothing to
	// [net/http/httptrace].
	Sends int

	// Reused tells that the last of the Sends went over a connection that had
	// been used before. It is false where Sends is 0.
	Reused bool
}
