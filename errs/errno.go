//go:build !plan9

package errs

import "syscall"

// brokenConnection are the system's errors for a connection that was refused or
// broke.
var brokenConnection = []error{syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.ECONNABORTED, syscall.EPIPE}
