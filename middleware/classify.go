package middleware

import (
	"net/http"

	"github.com/prefactordev/prefactor-go/transport"
)

// Classify returns the layer "classify", which finds each answer's verdict
// while its attempt still runs: a success has its document decoded, once for all
// who ask, and an error is typed. The response stays as it came; a layer outside
// asks transport.Read(req, resp).Err().
//
// Position: once an attempt, outside envelope.
func Classify() transport.Layer {
	return transport.NewLayerFunc("classify", transport.PerAttempt, func(req *http.Request, next transport.Next) (*http.Response, error) {
		resp, err := next(req)
		if err != nil {
			return nil, err
		}
		_ = transport.Read(req, resp).Err() // decodes a success; whoever asks again gets the same document
		return resp, nil
	})
}
