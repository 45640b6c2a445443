package errs

// brokenConnection is empty: Plan 9 has no such numbers, and its errors of the
// network are of the type [net.OpError].
var brokenConnection []error
