package middleware

import (
	"net/http"

	"github.com/prefactordev/prefactor-go/transport"
)

// Classify returns the layer "classify", which finds each answer's verdict
// while its attempt still runs: a success has its document decoded, an error is
// typed, as [transport.Answer.Err] tells. The response stays as it came; a layer
// outside asks transport.Read(req, resp).Err().
//
// Position: once an attempt, outside envelope.
func Classify() transport.Layer {
	return transport.NewLayerFunc("classify", transport.PerAttempt, func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := transport.Send(next, req)
		if err != nil {
			return nil, err
		}
		_ = transport.Read(req, resp).Err() // kept in the answer for the layers outside
		return resp, nil
	})
}
