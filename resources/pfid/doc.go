// Package pfid has the operation that makes ids in the API's format, for records
// whose ids the caller chooses.
package pfid
