package middleware

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/prefactordev/prefactor-go/transport"
)

// Idempotency returns the layer "idempotency", which gives each request that
// may change something an idempotency key: prefix and a random UUID (RFC 9562,
// version 4), set by [transport.SetKey]. A caller's key is kept. Because the
// layer is outside retry, all attempts of a call share the key, and the server
// carries out the call at most once.
//
// prefix may have up to 28 visible ASCII characters, or be empty.
//
// Under a plain http.Client, a redirect that the client follows is a new
// request and gets a new key, unless the caller has set one.
//
// Position: once a call.
func Idempotency(prefix string) transport.Layer {
	if err := validateKeyPrefix(prefix); err != nil {
		return transport.RefusedLayer("idempotency", transport.PerCall, err)
	}
	generate := func() string { return prefix + uuid.NewString() }
	layer := transport.NewLayerFunc("idempotency", transport.PerCall, func(req *http.Request, next transport.Next) (*http.Response, error) {
		if err := transport.SetKey(req, generate); err != nil {
			return nil, err
		}
		return next(req)
	})
	if prefix != "" {
		layer = layer.Describe("prefix " + prefix)
	}
	return layer
}
