package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// audit is a company's layer that runs once per call. After the call it prints
// the attempts and the waits between them.
func audit(out io.Writer) transport.Layer {
	return transport.NewLayerFunc("audit", transport.PerCall, func(req *http.Request, next transport.Next) (*http.Response, error) {
		call := transport.CallFrom(req.Context())
		resp, err := next(req)
		fmt.Fprintf(out, "%-26s key %.8s…\n", call.Operation(), call.Key())
		for _, a := range call.Attempts() {
			fmt.Fprintf(out, "   attempt %d  %6s  %s\n", a.Number, a.Duration.Round(time.Millisecond), result(a))
			if a.Wait > 0 {
				fmt.Fprintf(out, "   wait       %6s\n", a.Wait.Round(time.Millisecond))
			}
		}
		return resp, err
	})
}

// result describes how an attempt ended.
func result(a errs.Attempt) string {
	if a.Err == nil {
		return fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status))
	}
	return a.Err.Error()
}

// signing is a company's layer next to the wire. It signs each request as it is
// sent, including the token.
func signing(key transport.Secret) transport.Layer {
	return transport.NewLayerFunc("signing", transport.PerAttempt, func(req *http.Request, next transport.Next) (*http.Response, error) {
		mac := hmac.New(sha256.New, []byte(key.Reveal()))
		fmt.Fprintln(mac, req.Method, req.URL.Path, req.Header.Get("Authorization"), req.Header.Get(transport.KeyHeader))
		req.Header.Set("X-Signature", hex.EncodeToString(mac.Sum(nil)))
		return next(req)
	})
}
