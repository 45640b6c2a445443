package middleware

import (
	"net/http"

	"github.com/prefactordev/prefactor-go/transport"
)

// Classify returns the layer "classify", which finds the outcome of each
// response during its attempt: it decodes the document of a success, once for
// all layers that read it, and gives an error its type. The response stays as
// it is; layers outside get the outcome from [transport.Outcome].
//
// Position: once an attempt, outside envelope.
func Classify() transport.Layer {
	return transport.NewLayerFunc("classify", transport.PerAttempt, func(req *http.Request, next transport.Next) (*http.Response, error) {
		resp, err := next(req)
		_ = transport.Outcome(req, resp, err) // decodes a success; who asks later gets the same document
		return resp, err
	})
}
