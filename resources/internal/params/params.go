// Package params has what the parameters of operations have in common.
package params

import (
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

// OrNow returns t, or the time of the call if t is zero: a step happened when it was
// recorded, and not when the server got the request after some attempts. The API
// keeps microseconds.
func OrNow(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now().UTC().Truncate(time.Microsecond)
	}
	return t
}

// Required returns an error if the value of a field is empty.
func Required(field, value string) error {
	if value == "" {
		return &errs.ClientError{Field: field, Problem: "is required"}
	}
	return nil
}

// OneOfTwo returns an error unless one of two fields has a value, and only one.
func OneOfTwo(field, value, otherField, otherValue string) error {
	switch {
	case value == "" && otherValue == "":
		return &errs.ClientError{Field: field, Problem: "is required, or " + otherField + " in its place"}
	case value != "" && otherValue != "":
		return &errs.ClientError{Field: field, Problem: "and " + otherField + " exclude each other: leave one out"}
	}
	return nil
}
