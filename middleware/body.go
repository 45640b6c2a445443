package middleware

import (
	"io"
	"net/http"
	"sync"

	"github.com/prefactordev/prefactor-go/transport"
)

// inMemory reports whether a response has been read from its connection.
func inMemory(resp *http.Response) bool {
	if resp == nil || resp.Body == nil || resp.Body == http.NoBody {
		return true
	}
	_, read := resp.Body.(*transport.Answer)
	return read
}

// onClose returns body, and calls end when it is first closed. The body of a
// 101 Switching Protocols stays an [io.Writer].
func onClose(body io.ReadCloser, end func()) io.ReadCloser {
	ending := &endingBody{ReadCloser: body, end: end}
	if w, ok := body.(io.Writer); ok {
		return &struct {
			*endingBody
			io.Writer
		}{ending, w}
	}
	return ending
}

type endingBody struct {
	io.ReadCloser
	once sync.Once
	end  func()
}

// Unwrap returns the body inside.
func (b *endingBody) Unwrap() io.ReadCloser { return b.ReadCloser }

func (b *endingBody) Close() error {
	defer b.once.Do(b.end)
	return b.ReadCloser.Close()
}
