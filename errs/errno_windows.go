package errs

import "syscall"

// systemError is the type of the system's errors.
type systemError = syscall.Errno

// brokenConnection are the system's errors for a connection that can't be made
// or broke: those of Winsock by their numbers, most of which package syscall
// doesn't name, and those that Go made up for Windows.
var brokenConnection = []systemError{
	10050, // WSAENETDOWN
	10051, // WSAENETUNREACH
	10052, // WSAENETRESET
	10053, // WSAECONNABORTED
	10054, // WSAECONNRESET
	10060, // WSAETIMEDOUT
	10061, // WSAECONNREFUSED
	10065, // WSAEHOSTUNREACH
	syscall.ERROR_BROKEN_PIPE,
	syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.ETIMEDOUT,
	syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.ENETRESET,
}
