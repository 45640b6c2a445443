package middleware

import (
	"net/http"
	"slices"
	"strings"

	"github.com/prefactordev/prefactor-go/transport"
)

// Identify returns the layer "identify", which identifies the client to the
// server by three headers. X-Prefactor-SDK lists the adapters' entries, the
// outermost first, and then this module's own, each "name@version" and each
// only once. User-Agent is "prefactor-go/VERSION", and Accept is
// application/json. A header that the request already has is kept.
//
// Position: once a call.
func Identify(adapters ...string) transport.Layer {
	if err := validateAdapters(adapters); err != nil {
		return transport.RefusedLayer("identify", transport.PerCall, err)
	}
	var entries []string
	for _, entry := range append(slices.Clone(adapters), "prefactor-go@"+transport.Version) {
		if !slices.Contains(entries, entry) {
			entries = append(entries, entry)
		}
	}
	sdk := strings.Join(entries, " ")
	agent := "prefactor-go/" + transport.Version
	return transport.NewLayerFunc("identify", transport.PerCall, func(req *http.Request, next transport.Next) (*http.Response, error) {
		setDefault(req.Header, "X-Prefactor-Sdk", sdk)
		setDefault(req.Header, "User-Agent", agent)
		setDefault(req.Header, "Accept", "application/json")
		return next(req)
	}).Describe(sdk)
}

// setDefault sets a header, given by its canonical name, unless the request has
// it.
func setDefault(h http.Header, name, value string) {
	if _, ok := h[name]; !ok {
		h[name] = []string{value}
	}
}
