package middleware

import "github.com/prefactordev/prefactor-go/transport"

// Default returns the stack that most people start from, made of cfg: identify,
// idempotency, retry, timeout, classify, envelope, auth. What is wrong with cfg
// is reported when the stack is built.
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
