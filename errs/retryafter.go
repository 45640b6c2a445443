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

// tooLong is the wait for a number that a time.Duration cannot express.
const tooLong = time.Duration(math.MaxInt64)

// maxRetryAfter is how many bytes of a line of Retry-After are read.
const maxRetryAfter = 1 << 10

// ParseRetryAfter returns how long a response asks to wait by its Retry-After
// header (RFC 9110, section 10.2.3), a number of seconds or a date. If there
// are several values, on several lines or joined by commas, it returns the
// longest wait.
//
// A date is relative to the response's own Date header, if it has one, so that
// a wrong server clock doesn't matter. A value in the past, or of another form,
// is 0. A number that a Duration cannot express is the longest Duration. Of a
// line, the values within its first KiB are read.
func ParseRetryAfter(h http.Header) time.Duration {
	now := time.Now()
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	var longest time.Duration
	for _, line := range h.Values("Retry-After") {
		if len(line) > maxRetryAfter {
			line = line[:strings.LastIndexByte(line[:maxRetryAfter], ',')+1]
		}
		parts := strings.Split(line, ",")
		for i, part := range parts {
			longest = max(longest, parseSeconds(strings.TrimSpace(part)))
			if i > 0 { // a date has one comma
				longest = max(longest, parseDate(strings.TrimSpace(parts[i-1]+","+part), now))
			}
			longest = max(longest, parseDate(strings.TrimSpace(part), now))
		}
	}
	return longest
}

func parseSeconds(value string) time.Duration {
	if value == "" || strings.Trim(value, "0123456789.") != "" {
		return 0
	}
	return units(value, time.Second)
}

// parseDate reads the three forms of an HTTP date, and also dates with UTC or a
// numeric offset in place of GMT.
func parseDate(value string, now time.Time) time.Duration {
	at, err := http.ParseTime(value)
	for _, layout := range []string{"Mon, 02 Jan 2006 15:04:05 UTC", time.RFC1123Z} {
		if err != nil {
			at, err = time.Parse(layout, value)
		}
	}
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now))
}

// parseMilliseconds reads the retry_after_ms member of an error document.
func parseMilliseconds(v jsontext.Value) time.Duration {
	if v.Kind() != '0' {
		return 0
	}
	return units(string(v), time.Millisecond)
}

// units returns a number of units as a Duration: 0 if it is negative or not a
// number, and tooLong if it overflows.
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
