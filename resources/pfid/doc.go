// Package pfid has the operation that makes ids in the API's format, for records
// whose ids the caller chooses:
//
//	ids, err := api.PFIDs.Generate(ctx, pfid.GenerateParams{Count: 2})
//	run, err := api.Instances.Register(ctx, instances.RegisterParams{ID: ids[0]})
//
// Every error is an [errs.Error] around the kind of failure.
//
// [errs.Error]: https://pkg.go.dev/github.com/prefactordev/prefactor-go/errs#Error
package pfid
