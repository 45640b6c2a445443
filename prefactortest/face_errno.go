//go:build !plan9

package prefactortest

import "syscall"

// The system's errors for a connection that is refused or reset.
var errRefused, errReset error = syscall.ECONNREFUSED, syscall.ECONNRESET
