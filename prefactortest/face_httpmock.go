package prefactortest

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/jarcoal/httpmock"
)

// HTTPMock makes a mock transport on which every route of the API answers
// from the fake, whatever the host, as does every other request, with the
// fake's 404 and its near misses. Register responders of your own on it: one
// for an exact URL or path goes before the fake's.
//
// Count requests with [Fake.Journal] rather than with httpmock's Times,
// which is a data race.
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

// SuccessResponder answers 200 with details in the API's envelope. It
// panics on details that can't be encoded.
func SuccessResponder(details any) httpmock.Responder {
	return responder(http.StatusOK, success(details))
}

// ErrorResponder answers with an error as the API writes it.
func ErrorResponder(status int, code, message string) httpmock.Responder {
	return responder(status, errorDoc{Status: "error", Code: code, Message: message})
}

// ListResponder answers 200 with the only page of a list. It panics on
// summaries that can't be encoded.
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

// responder answers like the connectionless face.
func responder(status int, doc any) httpmock.Responder {
	o := &outcome{status: status, body: encode(doc), cut: -1}
	return func(req *http.Request) (*http.Response, error) {
		if _, err := readBody(req.Context(), req); err != nil {
			return nil, err
		}
		return o.response(req), nil
	}
}
