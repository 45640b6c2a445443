package middleware

import (
	"fmt"
	"net/http"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// Envelope returns the layer "envelope", which reads the body of each response,
// up to limit bytes, during its attempt. A body that breaks off is then a
// failed attempt, which retry can repeat, and timeout limits the reading. A
// larger body is an [errs.ContractError] that matches [errs.ErrTooLarge], and
// its connection is closed. limit applies to the decompressed body.
//
// If a request is not an API call, only JSON bodies up to limit are read; any
// other body keeps streaming.
//
// Position: once an attempt, inside timeout and classify.
func Envelope(limit int64) transport.Layer {
	if limit < 1 {
		return transport.RefusedLayer("envelope", transport.PerAttempt,
			&errs.ClientError{Field: "envelope limit", Problem: "must be 1 byte or more"})
	}
	return transport.NewLayerFunc("envelope", transport.PerAttempt, func(req *http.Request, next transport.Next) (*http.Response, error) {
		resp, err := next(req)
		if err != nil {
			return nil, err
		}
		transport.ReadLimit(req, resp, limit)
		return resp, nil
	}).Describe("up to "+bytesText(limit)).Inside("timeout", "classify")
}

// bytesText returns a number of bytes in the largest unit that divides it.
func bytesText(n int64) string {
	switch {
	case n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
