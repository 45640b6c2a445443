package middleware

import (
	"net/http"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// replayable reports whether the server acts once at most on a request that is
// sent more than once: it has a safe method, an idempotency key, or a call that
// says so.
func replayable(req *http.Request) bool {
	return transport.SafeMethod(req.Method) || req.Header.Get(transport.KeyHeader) != "" || transport.CallFrom(req.Context()).Replayable()
}

// rewindable reports whether a request's body, if it has one, can be had again.
func rewindable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// rewind gives a rewindable request, a clone, its body anew.
func rewind(req *http.Request) error {
	if req.GetBody == nil {
		return nil
	}
	body, err := req.GetBody()
	if err != nil {
		return &errs.ClientError{Field: "GetBody", Problem: "failed: " + err.Error()}
	}
	req.Body = body
	return nil
}
