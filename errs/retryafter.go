package errs

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// tooLong stands for a wait beyond what a time.Duration can tell.
const tooLong = time.Duration(math.MaxInt64)

// parseRetryAfter reads a Retry-After header, RFC 9110 section 10.2.3: a number
// of seconds or an HTTP date. A time in the past, a negative number and
// anything else that isn't a wait is 0; a number too large for a Duration is
// the longest Duration.
func parseRetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789.") == "" {
		return units(value, time.Second)
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// parseMilliseconds reads the retry_after_ms member of an error document.
func parseMilliseconds(v jsontext.Value) time.Duration {
	if v.Kind() != '0' {
		return 0
	}
	return units(string(v), time.Millisecond)
}

// units reads a number of units; 0 if it is none, or negative, and tooLong if
// it overflows.
func units(number string, unit time.Duration) time.Duration {
	n, err := strconv.ParseFloat(number, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0
	}
	switch d := n * float64(unit); {
	case d >= float64(tooLong):
		return tooLong
	case d > 0:
		return time.Duration(d)
	}
	return 0
}
