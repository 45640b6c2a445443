package errs

import "syscall"

// systemError is the type of the system's errors, which are texts on Plan 9.
type systemError = syscall.ErrorString

// brokenConnection is empty: errors of the network are of the type [net.OpError]
// on Plan 9.
var brokenConnection []systemError
