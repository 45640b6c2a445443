package conformance_test

import "errors"

// Plan 9 has a text where other systems have a number.
var errReset error = errors.New("connection reset")
