package transport

import (
	"io"
	"net/http"
	"slices"

	"github.com/prefactordev/prefactor-go/errs"
)

const (
	// MaxAnswer is the size, in bytes, that the body of a success may have unless
	// the envelope layer sets another: 32 MiB. Any other response may have 1 MiB.
	MaxAnswer = 32 << 20

	// maxErrorDocument bounds what is read of a response that is no success.
	maxErrorDocument = 1 << 20

	// maxEmptyReads is how many reads of a body may return nothing one after the other.
	maxEmptyReads = 100

	// startSize bounds what is allocated for a body before any of it has arrived.
	startSize = 64 << 10
)

func closeBody(req *http.Request) {
	if req != nil && req.Body != nil {
		_ = req.Body.Close()
	}
}

// prefixed is a body of which the beginning was read.
type prefixed struct {
	io.Reader
	io.Closer
}

// bufferable reports whether a response outside of an API call is read whole:
// a JSON document whose stated length is within the bound.
func bufferable(resp *http.Response, limit int64) bool {
	if resp.StatusCode == http.StatusSwitchingProtocols || resp.Body == http.NoBody || resp.ContentLength > limit {
		return false
	}
	if _, ok := bodyAs[*prefixed](resp.Body); ok { // found too large before
		return false
	}
	return errs.IsJSON(resp.Header)
}

// bodyAs finds the first body of type T in body or in what it unwraps to.
func bodyAs[T any](body io.ReadCloser) (found T, ok bool) {
	for body != nil {
		if found, ok = body.(T); ok {
			return found, true
		}
		wrapper, wraps := body.(interface{ Unwrap() io.ReadCloser })
		if !wraps {
			break
		}
		body = wrapper.Unwrap()
	}
	return found, false
}

// readAll reads a body up to limit. What it has read comes back with any error;
// a body beyond the limit gives [errs.ErrTooLarge].
func readAll(resp *http.Response, limit int64) ([]byte, error) {
	if resp.Body == http.NoBody || resp.StatusCode == http.StatusSwitchingProtocols {
		return nil, nil
	}
	size := int64(512)
	if resp.ContentLength > 0 {
		size = min(resp.ContentLength, startSize, limit)
	}
	body := make([]byte, 0, size+1) // one more, in which to see the end
	for empty := 0; ; empty++ {
		n, err := resp.Body.Read(body[len(body):min(int64(cap(body)), limit+1)])
		body = body[:len(body)+n]
		if n > 0 {
			empty = 0
		}
		switch {
		case empty == maxEmptyReads && err == nil:
			return body, io.ErrNoProgress
		case err == io.EOF && len(body) == 0:
			return nil, nil
		case err == io.EOF:
			return body, nil
		case err != nil:
			return body, err
		case int64(len(body)) > limit:
			return body, errs.ErrTooLarge
		case len(body) == cap(body):
			body = slices.Grow(body, cap(body)) // doubles: a large body is copied once, not often
		}
	}
}
