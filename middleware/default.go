package middleware

import "github.com/prefactordev/prefactor-go/transport"

// Default returns the stack that most programs start from, built from cfg:
// identify, idempotency, retry, timeout, classify, envelope, auth. Mistakes in
// cfg are reported when the stack is built.
func Default(cfg Config) transport.Stack {
	return transport.NewStack(
		Identify(cfg.Adapters...),
		Idempotency(cfg.DefaultIdempotencyKey),
		Retry(cfg.RetryPolicy),
		Timeout(cfg.RequestTimeout),
		Classify(),
		Envelope(transport.MaxAnswer),
		Auth(cfg.APIURL, cfg.APIToken),
	)
}
