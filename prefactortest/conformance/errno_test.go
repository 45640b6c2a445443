//go:build !plan9

package conformance_test

import "syscall"

// The system's error for a connection that is reset.
var errReset error = syscall.ECONNRESET
