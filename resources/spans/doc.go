// Package spans has the operations on spans, the steps of an agent's run. A
// span is created active and finished later, or created as finished in one call.
//
// The operations work on a [transport.Client] over any stack. Every error is an
// [errs.Error] around the kind of failure.
//
// [transport.Client]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/transport#Client
// [errs.Error]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/errs#Error
package spans
