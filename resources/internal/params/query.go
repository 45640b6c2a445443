package params

import (
	"net/url"
	"time"
)

// Query returns the query parameters that have a value: names and values alternate.
func Query(namesAndValues ...string) url.Values {
	query := make(url.Values, len(namesAndValues)/2)
	for i := 0; i < len(namesAndValues); i += 2 {
		if value := namesAndValues[i+1]; value != "" {
			query.Set(namesAndValues[i], value)
		}
	}
	return query
}

// Flag returns the value of a query parameter that is sent only if it is true.
func Flag(set bool) string {
	if set {
		return "true"
	}
	return ""
}

// Time returns the value of a query parameter that is sent only if it isn't zero.
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}
