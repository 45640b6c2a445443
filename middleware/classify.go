package middleware

import (
	"net/http"

	"github.com/prefactordev/prefactor-go/transport"
)

// Classify returns the layer "classify", which finds the outcome of each
// response during its attempt: it decodes the document of a success, once for
// all layers that read it, and gives an error its type. The response stays as
// it is; layers outside get the error from transport.Read(req, resp).Err().
//
// Position: once an attempt, outside envelope.
func Classify() transport.Layer {
	return transport.NewLayerFunc("classify", transport.PerAttempt, func(req *http.Request, next transport.Next) (*http.Response, error) {
		resp, err := next(req)
		if err != nil {
			return nil, err
		}
		_ = transport.Read(req, resp).Err() // decodes a success; later calls get the same document
		return resp, nil
	})
}
