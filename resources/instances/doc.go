// Package instances has the operations on agent instances. An instance is one
// run of an agent: it is registered, started and finished, and its steps are
// spans (package spans).
//
// The operations work on a [transport.Client] over any stack. Every error is an
// [errs.Error] around the kind of failure.
//
// [transport.Client]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/transport#Client
// [errs.Error]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/errs#Error
package instances
