//go:build !plan9

package errs_test

import "syscall"

// The system's errors for connections that fail.
var errRefused, errReset, errUnreachable error = syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EHOSTUNREACH
