//go:build !plan9 && !windows

package errs

import "syscall"

// systemError is the type of the system's errors.
type systemError = syscall.Errno

// brokenConnection are the system's errors for a connection that can't be made
// or broke.
var brokenConnection = []systemError{
	syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.ETIMEDOUT,
	syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.ENETRESET,
}
