package errs_test

import "errors"

// Plan 9 has texts where other systems have numbers.
var errRefused, errReset, errUnreachable error = errors.New("connection refused"), errors.New("connection reset"), errors.New("no route to host")
