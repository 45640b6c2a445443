package middleware_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/prefactordev/prefactor-go/transport"
)

// A gateway between the client and the API may put an answer of its own in the
// place of the API's, also after the API has carried the call out. So an answer
// says that nothing was applied only if it is the API's own error document, or
// has a status by which a request isn't taken on, whoever says so.

// notTakenOn are those statuses: proxy authentication required, length
// required, content too large, URI too long, expectation failed, misdirected
// request, too many requests, request header fields too large.
var notTakenOn = []int{407, 411, 413, 414, 417, 421, 429, 431}

// applied makes one call without retries to a server that ends it with r, and
// fails the test unless errs.MaybeApplied says want.
func applied(t *testing.T, r reply, want bool, edit func(transport.Stack) transport.Stack) {
	t.Helper()
	s := serve(t, always(r))
	cfg := quickConfig(s.url)
	cfg.MaxRetries = 0
	stack := keyed(cfg)
	if edit != nil {
		stack = edit(stack)
	}
	checkApplied(t, post(t.Context(), newClient(t, stack, s.url, newBase(t, cfg))), want)
	if n := s.count(); n != 1 {
		t.Errorf("the call was sent %d times", n)
	}
}

func TestAGatewaysAnswerLeavesItOpenWhetherTheCallWasApplied(t *testing.T) {
	t.Parallel()
	forms := map[string]func(status int) reply{
		"page":      func(status int) reply { return page(status) },
		"no body":   func(status int) reply { return answer(status, "", "") },
		"message":   func(status int) reply { return answer(status, "application/json", `{"message":"Forbidden"}`) },
		"no object": func(status int) reply { return answer(status, "application/json", `["Forbidden"]`) },
		"a page that says it is JSON": func(status int) reply {
			return answer(status, "application/json", "<html><title>gateway</title></html>")
		},
	}
	for form, with := range forms {
		for _, status := range append(slices.Clone(anyStatus), 500, 501, 502, 503, 504, 599) {
			t.Run(fmt.Sprintf("%d/%s", status, form), func(t *testing.T) {
				t.Parallel()
				applied(t, with(status), !slices.Contains(notTakenOn, status), nil)
			})
		}
	}
	for name, body := range map[string]string{
		"an error of another form":    `{"error":{"code":403,"message":"denied"}}`,
		"a status of another form":    `{"status":403,"title":"Forbidden"}`,
		"another word":                `{"status":"fail","message":"denied"}`,
		"a success":                   successDocument,
		"a document within another":   `{"data":` + errorDocument + `}`,
		"a document within a string":  `{"message":"{\"status\":\"error\"}"}`,
		"a document behind something": "busy " + errorDocument,
		"a document that ends early":  errorDocument[:len(errorDocument)-5],
		"null":                        "null",
		"nothing but space":           " \n",
	} {
		for _, status := range []int{403, 404, 409} {
			t.Run(fmt.Sprintf("%d/%s", status, name), func(t *testing.T) {
				t.Parallel()
				applied(t, answer(status, "application/json", body), true, nil)
			})
		}
	}
}

func TestTheAPIsOwnRefusalIsSure(t *testing.T) {
	t.Parallel()
	for _, status := range anyStatus {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			// A redirect isn't the API's, whatever its body says.
			applied(t, document(status), status < 400, nil)
		})
	}
	for _, status := range []int{200, 201, 202, 206} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			applied(t, document(status), false, nil)
		})
	}
	for _, status := range []int{500, 502, 503, 504} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			applied(t, document(status), true, nil) // it failed on the way
		})
	}
	for name, r := range map[string]reply{
		"validation errors":         answer(422, "application/json", `{"status":"error","code":"validation_errors","errors":{"details":{"name":["is required"]}}}`),
		"another content type":      answer(404, "text/plain", errorDocument),
		"no content type":           answer(409, "", errorDocument),
		"a charset":                 answer(409, "application/json; charset=utf-8", errorDocument),
		"members of odd types":      answer(409, "application/json", `{"status":"error","code":7,"message":null,"errors":"x"}`),
		"space around it":           answer(409, "application/json", "\n "+errorDocument+"\n"),
		"members it doesn't know":   answer(409, "application/json", `{"trace":"1","status":"error","code":"x","message":"y"}`),
		"the connection ends there": answer(409, "application/json", errorDocument, "Connection: close"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			applied(t, r, false, nil)
		})
	}
}

// An answer that breaks off is no document. Its status stands all the same.
func TestARefusalThatBreaksOffIsNotSure(t *testing.T) {
	t.Parallel()
	for _, status := range append(slices.Clone(anyStatus), 200, 503) {
		if status == http.StatusNotModified {
			continue // has no body
		}
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			broken := cut(fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
				status, len(errorDocument)+9, errorDocument))
			applied(t, broken, !slices.Contains(notTakenOn, status), nil)
		})
	}
}

// A foreign layer between the base and ours may copy the response and hide its
// body.
func TestAForeignLayerChangesNothing(t *testing.T) {
	t.Parallel()
	for position, put := range positions {
		for _, status := range anyStatus {
			if status < 400 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d/document", position, status), func(t *testing.T) {
				t.Parallel()
				applied(t, document(status), false, put(foreign("foreign")))
			})
			t.Run(fmt.Sprintf("%s/%d/page", position, status), func(t *testing.T) {
				t.Parallel()
				applied(t, page(status), !slices.Contains(notTakenOn, status), put(foreign("foreign")))
			})
		}
	}
}

// Without a key, a call that was written is sent again after a 429 only, also
// where the policy holds other statuses by which it wasn't taken on.
func TestWithoutAKeyOnlyALimitedCallIsSentAgain(t *testing.T) {
	t.Parallel()
	for _, status := range append(slices.Clone(anyStatus), 500, 502, 503, 504) {
		for form, r := range map[string]reply{"document": document(status), "page": page(status)} {
			t.Run(fmt.Sprintf("%d/%s", status, form), func(t *testing.T) {
				t.Parallel()
				s := serve(t, always(r))
				cfg := quickConfig(s.url)
				cfg.RetryOnStatusCodes = append(slices.Clone(anyStatus), 500, 502, 503, 504)
				err := post(t.Context(), newClient(t, keyless(cfg), s.url, newBase(t, cfg)))
				want := 1
				if status == http.StatusTooManyRequests {
					want = 3
				}
				if n := s.count(); n != want {
					t.Errorf("the call was sent %d times, want %d: %v", n, want, err)
				}
			})
		}
	}
}
