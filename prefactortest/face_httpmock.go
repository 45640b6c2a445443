package prefactortest

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/jarcoal/httpmock"
)

// HTTPMock makes a mock transport that sends every request to the fake,
// whatever its host. A request without a route gets the fake's 404, which
// suggests similar routes. Responders that you register for an exact URL or
// path take precedence over the fake's.
//
// Count requests with [Fake.Journal]: httpmock's Times has a data race.
func (f *Fake) HTTPMock() *httpmock.MockTransport {
	mock := httpmock.NewMockTransport()
	respond := httpmock.Responder(f.RoundTripper().RoundTrip)
	for _, op := range operations {
		route := apiPrefix + op.route
		if before, after, ok := strings.Cut(route, "{id}"); ok {
			pattern := regexp.QuoteMeta(before) + "[^/]+" + regexp.QuoteMeta(after) + "$"
			mock.RegisterRegexpResponder(op.method, regexp.MustCompile(pattern), respond)
			continue
		}
		mock.RegisterResponder(op.method, route, respond)
	}
	mock.RegisterNoResponder(respond)
	return mock
}

// SuccessResponder responds 200 with details in the API's envelope. It panics
// if details can't be encoded.
func SuccessResponder(details any) httpmock.Responder {
	return responder(http.StatusOK, success(details))
}

// ErrorResponder responds with an error as the API writes it.
func ErrorResponder(status int, code, message string) httpmock.Responder {
	return responder(status, errorDoc{Status: "error", Code: code, Message: message})
}

// ListResponder responds 200 with the only page of a list. It panics if the
// summaries can't be encoded.
func ListResponder(summaries ...any) httpmock.Responder {
	if summaries == nil {
		summaries = []any{}
	}
	return responder(http.StatusOK, listDoc{
		Status:     "success",
		Summaries:  summaries,
		Pagination: newPagination(0, max(len(summaries), 1), len(summaries)),
	})
}

// responder responds as [Fake.RoundTripper] does.
func responder(status int, doc any) httpmock.Responder {
	d := &delivery{status: status, body: encode(doc), cut: -1}
	return func(req *http.Request) (*http.Response, error) {
		if _, err := readBody(req.Context(), req); err != nil {
			return nil, err
		}
		return d.response(req), nil
	}
}
