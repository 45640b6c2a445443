// Package pfid has the API's ids: text that sorts by time, and whose partition is
// shared by records that belong together. Choose ids yourself to name a record before
// the server knows it, as the parent of a span in the same bulk request:
//
//	run := pfid.NewRoot()
//	parent := pfid.NewRelated(run)
//
// [Service] has the operation that lets the server make ids.
package pfid
