package middleware_test

import "errors"

// Plan 9 has texts where other systems have numbers.
var errRefused, errReset error = errors.New("connection refused"), errors.New("connection reset")
