package middleware

import (
	"net/http"
	"slices"
	"strings"

	"github.com/prefactordev/prefactor-go/transport"
)

// Identify returns the layer "identify", which tells the server who calls: it
// sets X-Prefactor-SDK to the adapters' entries, the outermost first, and this
// module's own behind them, each "name@version"; User-Agent to
// "prefactor-go/VERSION"; and Accept to application/json. A header that the
// request has already stays. Each entry is named once.
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

// setDefault sets a header, by its canonical name, that the request doesn't
// have.
func setDefault(h http.Header, name, value string) {
	if _, ok := h[name]; !ok {
		h[name] = []string{value}
	}
}
