package errs_test

import (
	"errors"
	"math"
	"net/http"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
)

func TestFieldsOfEveryShape(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, errors string
		want         []errs.Field
	}{
		{"none", `null`, nil},
		{"text by field", `{"name":"is too long"}`, []errs.Field{{Path: "name", Message: "is too long"}}},
		{"texts by field", `{"name":["is too long","is odd"],"id":["is taken"]}`,
			[]errs.Field{{Path: "name", Message: "is too long"}, {Path: "name", Message: "is odd"}, {Path: "id", Message: "is taken"}}},
		{"object by field", `{"items":{"status":"error","code":"required","message":"can't be blank"}}`,
			[]errs.Field{{Path: "items", Code: "required", Message: "can't be blank"}}},
		{"nested objects", `{"details":{"payload":{"code":"required"},"started_at":{"code":"invalid_value","message":"has no zone"}}}`,
			[]errs.Field{{Path: "details.payload", Code: "required"}, {Path: "details.started_at", Code: "invalid_value", Message: "has no zone"}}},
		{"validation errors within an object", `{"details":{"status":"error","code":"validation_errors","message":"bad","errors":{"name":{"code":"required","message":"missing"}}}}`,
			[]errs.Field{{Path: "details.name", Code: "required", Message: "missing"}}},
		{"list of objects", `{"items":[{"code":"required"},{"key":{"message":"short"}}]}`,
			[]errs.Field{{Path: "items[0]", Code: "required"}, {Path: "items[1].key", Message: "short"}}},
		{"text alone", `"bad"`, []errs.Field{{Message: "bad"}}},
		{"numbers and booleans", `{"a":1.50,"b":true}`, []errs.Field{{Path: "a", Message: "1.50"}, {Path: "b", Message: "true"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body := `{"status":"error","code":"validation_errors","message":"m","errors":` + tt.errors + `}`
			api, ok := errors.AsType[*errs.APIError](errs.FromResponse(422, nil, []byte(body)))
			if !ok || !reflect.DeepEqual(api.Fields, tt.want) {
				t.Errorf("got %+v, want %+v", api.Fields, tt.want)
			}
		})
	}
}

func TestFromResponseByStatusAndBody(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   string // type
	}{
		{"success", 200, `{"status":"success","details":{}}`, "<nil>"},
		{"created", 201, `{"anything":1}`, "<nil>"},
		{"empty success", 204, ``, "<nil>"},
		{"error under 200", 200, `{"status":"error","code":"not_found","message":"m"}`, "*errs.NotFoundError"},
		{"unknown error under 200", 200, `{"status":"error","code":"new","message":"m"}`, "*errs.APIError"},
		{"empty 500", 500, ``, "*errs.APIError"},
		{"object without the known members", 500, `{"error":"boom"}`, "*errs.APIError"},
		{"members of unexpected types", 404, `{"status":1,"code":{"a":1},"message":["m"]}`, "*errs.NotFoundError"},
		{"page", 500, `<html>`, "*errs.ContractError"},
		{"cut document", 500, `{"status":"err`, "*errs.NetworkError"},
		{"cut document under 200", 200, `{"status":"success","details":{"id":"a"`, "*errs.NetworkError"},
		{"cut document behind a mark", 422, "\ufeff {", "*errs.NetworkError"},
		{"cut list", 500, `["a"`, "*errs.ContractError"},
		{"broken document", 500, `{"status":}`, "*errs.ContractError"},
		{"byte order mark", 409, "\ufeff" + `{"status":"error","code":"conflict"}`, "*errs.ConflictError"},
		{"list", 500, `[1]`, "*errs.ContractError"},
		{"unknown status", 599, ``, "*errs.APIError"},
		{"not modified", 304, ``, "*errs.ContractError"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := errs.FromResponse(tt.status, nil, []byte(tt.body))
			if got := typeName(err); got != tt.want {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
		})
	}
}

func TestTheKindOfABulkItemFollowsFromItsCode(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"not_found": "*errs.NotFoundError", "invalid_action": "*errs.ConflictError", "bad_authtoken": "*errs.AuthError",
		"validation_errors": "*errs.ValidationError", "required": "*errs.ValidationError", "never_seen": "*errs.APIError",
	} {
		if got := typeName(errs.FromDocument(0, errs.Document{Status: "error", Code: code})); got != want {
			t.Errorf("%s: got %s, want %s", code, got, want)
		}
	}
	if err := errs.FromDocument(0, errs.Document{Status: "success"}); err != nil {
		t.Errorf("a success gave %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		date := func(d time.Duration) string { return time.Now().UTC().Add(d).Format(http.TimeFormat) }
		for _, tt := range []struct {
			name, header, body string
			want               time.Duration
		}{
			{"absent", "", ``, 0},
			{"seconds", "120", ``, 2 * time.Minute},
			{"decimal", "1.5", ``, 1500 * time.Millisecond},
			{"spaces", " 3 ", ``, 3 * time.Second},
			{"negative", "-5", ``, 0},
			{"overflow", "99999999999999999999", ``, math.MaxInt64},
			{"date", date(time.Minute), ``, time.Minute},
			{"date in RFC 850 form", time.Now().UTC().Add(time.Minute).Format("Monday, 02-Jan-06 15:04:05 GMT"), ``, time.Minute},
			{"date in asctime form", time.Now().UTC().Add(time.Minute).Format(time.ANSIC), ``, time.Minute},
			{"past date", date(-time.Minute), ``, 0},
			{"words", "soon", ``, 0},
			{"infinity", "Inf", ``, 0},
			{"body", "", `{"status":"error","retry_after_ms":2500}`, 2500 * time.Millisecond},
			{"body larger", "1", `{"status":"error","retry_after_ms":2500}`, 2500 * time.Millisecond},
			{"header larger", "3", `{"status":"error","retry_after_ms":2500}`, 3 * time.Second},
			{"body of another type", "", `{"status":"error","retry_after_ms":"2500"}`, 0},
			{"body overflow", "", `{"status":"error","retry_after_ms":1e300}`, math.MaxInt64},
			{"body far beyond", "", `{"status":"error","retry_after_ms":1e999}`, math.MaxInt64},
			{"body negative", "", `{"status":"error","retry_after_ms":-1}`, 0},
		} {
			h := http.Header{}
			if tt.header != "" {
				h.Set("Retry-After", tt.header)
			}
			err := errs.FromResponse(429, h, []byte(tt.body))
			if got, ok := errs.RetryAfter(err); got != tt.want || ok != (tt.want > 0) {
				t.Errorf("%s: got %s, %t; want %s", tt.name, got, ok, tt.want)
			}
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "1", "-1", "1.5", "9999999999", "Sun, 06 Nov 1994 08:49:37 GMT", "Inf", "0x1p9", "1e9"} {
		f.Add(seed, `{"retry_after_ms":`+seed+`}`)
	}
	f.Fuzz(func(t *testing.T, header, body string) {
		wait, ok := errs.RetryAfter(errs.FromResponse(429, http.Header{"Retry-After": {header}}, []byte(body)))
		if wait < 0 || ok != (wait > 0) {
			t.Errorf("got %s, %t", wait, ok)
		}
	})
}

func FuzzErrorDocument(f *testing.F) {
	for _, seed := range []string{
		`{"status":"error","code":"validation_errors","message":"m","errors":{"a":{"code":"required","message":"x"}}}`,
		`{"errors":[["a"],{"b":[1,null,{"message":"m","errors":{"c":"d"}}]}]}`, `{"errors":"x"}`, `[]`, ``, `{"a":1,"a":2}`, "{\"message\":\"\xff\"}",
	} {
		f.Add(422, []byte(seed))
		f.Add(200, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		err := errs.FromResponse(status, nil, body)
		if success := status >= 200 && status < 300; !success && err == nil {
			t.Errorf("status %d gave no error", status)
		}
		if err == nil {
			return
		}
		_ = err.Error()
		api, ok := errors.AsType[*errs.APIError](err)
		if errs.KindOf(err) == errs.KindNetwork {
			return // the document ends early
		}
		if status >= 400 && (!ok || api.Status != status) {
			t.Errorf("status %d gave %#v", status, err)
		}
		if ok && !jsontext.Value(body).IsValid() && len(api.Fields) > 0 && !jsontext.Value(body).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
			t.Errorf("broken JSON gave fields %v", api.Fields)
		}
	})
}

func typeName(err error) string {
	if err == nil {
		return "<nil>"
	}
	return reflect.TypeOf(err).String()
}
