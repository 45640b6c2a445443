package errs_test

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := func(d time.Duration, layout string) string { return time.Now().UTC().Add(d).Format(layout) }
		const (
			utc     = "Mon, 02 Jan 2006 15:04:05 UTC"
			plus    = "Mon, 02 Jan 2006 15:04:05 +0000"
			minus   = "Mon, 02 Jan 2006 15:04:05 -0000"
			rfc850  = "Monday, 02-Jan-06 15:04:05 GMT"
			longest = time.Duration(math.MaxInt64)
		)
		offset := time.Now().Add(time.Minute).In(time.FixedZone("", 2*3600)).Format(time.RFC1123Z)
		for _, tt := range []struct {
			name  string
			lines []string
			date  string // the Date header; "" for none
			want  time.Duration
		}{
			{"none", nil, "", 0},
			{"empty", []string{""}, "", 0},
			{"zero", []string{"0"}, "", 0},
			{"leading zeros", []string{"007"}, "", 7 * time.Second},

			{"joined, equal", []string{"30, 30"}, "", 30 * time.Second},
			{"joined without a space", []string{"5,30"}, "", 30 * time.Second},
			{"joined, the first longer", []string{"30, 5"}, "", 30 * time.Second},
			{"joined with empty values", []string{", 30 ,,"}, "", 30 * time.Second},
			{"joined with garbage", []string{"soon, 30"}, "", 30 * time.Second},
			{"joined, seconds before a date", []string{"5, " + in(time.Minute, http.TimeFormat)}, "", time.Minute},
			{"joined, seconds after a date", []string{in(5*time.Second, http.TimeFormat) + ", 60"}, "", time.Minute},
			{"joined dates", []string{in(5*time.Second, http.TimeFormat) + ", " + in(time.Minute, http.TimeFormat)}, "", time.Minute},
			{"joined dates of three forms", []string{in(5*time.Second, rfc850) + "," + in(time.Minute, time.ANSIC) + "," + in(time.Second, plus)}, "", time.Minute},
			{"several lines", []string{"5", "30", "10"}, "", 30 * time.Second},
			{"several lines, joined values", []string{"5, 10", in(time.Minute, http.TimeFormat) + ", 7"}, "", time.Minute},
			{"several lines, garbage first", []string{"soon", "30"}, "", 30 * time.Second},

			{"date", []string{in(time.Minute, http.TimeFormat)}, "", time.Minute},
			{"date with UTC", []string{in(time.Minute, utc)}, "", time.Minute},
			{"date with +0000", []string{in(time.Minute, plus)}, "", time.Minute},
			{"date with -0000", []string{in(time.Minute, minus)}, "", time.Minute},
			{"date with another offset", []string{offset}, "", time.Minute},
			{"date in RFC 850 form", []string{in(time.Minute, rfc850)}, "", time.Minute},
			{"date in asctime form", []string{in(time.Minute, time.ANSIC)}, "", time.Minute},
			{"past date", []string{in(-time.Minute, http.TimeFormat)}, "", 0},
			{"date beyond a Duration", []string{"Fri, 31 Dec 9999 23:59:59 GMT"}, "", longest},

			{"server clock an hour behind", []string{in(time.Minute-time.Hour, http.TimeFormat)}, in(-time.Hour, http.TimeFormat), time.Minute},
			{"server clock an hour ahead", []string{in(time.Minute+time.Hour, http.TimeFormat)}, in(time.Hour, http.TimeFormat), time.Minute},
			{"server clock behind, joined", []string{"5, " + in(time.Minute-time.Hour, http.TimeFormat)}, in(-time.Hour, http.TimeFormat), time.Minute},
			{"server clock behind, with UTC", []string{in(time.Minute-time.Hour, utc)}, in(-time.Hour, http.TimeFormat), time.Minute},
			{"server clock behind, seconds", []string{"30"}, in(-time.Hour, http.TimeFormat), 30 * time.Second},
			{"date before the server's Date", []string{in(-time.Minute, http.TimeFormat)}, in(0, http.TimeFormat), 0},
			{"a Date that is not a date", []string{in(time.Minute, http.TimeFormat)}, "today", time.Minute},

			{"overflow", []string{"9223372037"}, "", longest},
			{"the last second before overflow", []string{"9223372036"}, "", 9223372036 * time.Second},
			{"overflow of an int64", []string{"9223372036854775808"}, "", longest},
			{"overflow of a float64", []string{"1" + strings.Repeat("0", 400)}, "", longest},
			{"overflow beside a short wait", []string{"1, 99999999999"}, "", longest},

			{"negative", []string{"-30"}, "", 0},
			{"negative beside a wait", []string{"-30, 5"}, "", 5 * time.Second},
			{"garbage", []string{"soon"}, "", 0},
			{"a unit", []string{"30s"}, "", 0},
			{"a sign", []string{"+30"}, "", 0},
			{"an exponent", []string{"1e3"}, "", 0},
			{"hexadecimal", []string{"0x1e"}, "", 0},
			{"two dots", []string{"1.2.3"}, "", 0},
			{"a dot", []string{"."}, "", 0},
			{"infinity", []string{"inf"}, "", 0},
			{"not a number", []string{"NaN"}, "", 0},
			{"half a date", []string{"Wed, 25 Nov"}, "", 0},
			{"commas", []string{",,,"}, "", 0},
			{"within a long line", []string{"5," + strings.Repeat(" ", 2000) + ",7"}, "", 5 * time.Second},
			{"a number across the end of what is read", []string{"5," + strings.Repeat("0", 1021) + "70"}, "", 5 * time.Second},
		} {
			h := http.Header{"Retry-After": tt.lines}
			if tt.date != "" {
				h.Set("Date", tt.date)
			}
			if got := errs.ParseRetryAfter(h); got != tt.want {
				t.Errorf("%s: %q with Date %q: got %s, want %s", tt.name, tt.lines, tt.date, got, tt.want)
			}
		}
		if got := errs.ParseRetryAfter(nil); got != 0 {
			t.Errorf("a nil header: got %s", got)
		}
	})
}

// Every error that holds a response's header keeps its wait.
func TestEveryErrorOfAResponseKeepsItsRetryAfter(t *testing.T) {
	t.Parallel()
	h := http.Header{"Retry-After": {"30"}}
	for name, err := range map[string]error{
		"document":      errs.FromResponse(503, h, []byte(`{"status":"error"}`)),
		"shorter body":  errs.FromResponse(429, h, []byte(`{"status":"error","retry_after_ms":1000}`)),
		"page":          errs.FromResponse(503, h, []byte("<html>")),
		"redirect":      errs.FromResponse(307, h, nil),
		"too large":     errs.NewContractError(503, h, "its body is too large", nil, errs.ErrTooLarge),
		"cut":           &errs.NetworkError{Sent: true, RetryAfter: 30 * time.Second},
		"proxy":         &errs.NetworkError{Cause: &errs.ProxyError{Status: 503, RetryAfter: 30 * time.Second}},
		"refused token": &errs.AuthError{APIError: &errs.APIError{Status: 401, RetryAfter: 30 * time.Second}, Cause: http.ErrNoCookie},
	} {
		call := &errs.Error{Err: &errs.RetryExhaustedError{Last: err}}
		if got, ok := errs.RetryAfter(call); !ok || got != 30*time.Second {
			t.Errorf("%s: got %s, %t; want 30s", name, got, ok)
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, seed := range []string{"30, 30", "1.5", "-1", "99999999999", "Wed, 25 Nov 2026 10:00:30 GMT, 5", "Wed, 25 Nov 2026 10:00:30 +0000", ",", "Sunday, 06-Nov-94 08:49:37 GMT"} {
		f.Add(seed, "Wed, 25 Nov 2026 10:00:00 GMT")
	}
	f.Fuzz(func(t *testing.T, value, date string) {
		value = value[:min(len(value), 1000)] // of a line, one KiB is read
		if _, err := http.ParseTime(date); err != nil {
			date = "Wed, 25 Nov 2026 10:00:00 GMT" // without one, waits are relative to the real time
		}
		wait := errs.ParseRetryAfter(http.Header{"Retry-After": {value}, "Date": {date}})
		joined := errs.ParseRetryAfter(http.Header{"Retry-After": {value + ", 7"}, "Date": {date}})
		lines := errs.ParseRetryAfter(http.Header{"Retry-After": {"7", value}, "Date": {date}})
		if wait < 0 || joined < max(wait, 7*time.Second) || lines != max(wait, 7*time.Second) {
			t.Errorf("%q: got %s, joined with 7s %s, on a line after 7s %s", value, wait, joined, lines)
		}
	})
}
