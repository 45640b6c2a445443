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
}
