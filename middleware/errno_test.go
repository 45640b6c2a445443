//go:build !plan9

package middleware_test

import "syscall"

// The system's errors for connections that fail.
var errRefused, errReset error = syscall.ECONNREFUSED, syscall.ECONNRESET
