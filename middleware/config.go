package middleware

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// DefaultAPIURL is the address that [NewConfig] and [ConfigFromEnv] use if none
// is given.
const DefaultAPIURL = "https://app.prefactorai.com"

// Config holds the settings of the default stack and its base transport. It is
// plain data. Its durations need a unit: write 30*time.Second, because 30 alone
// is 30 nanoseconds. Start from [NewConfig] or [ConfigFromEnv], which fill in
// the defaults, and change what you need. [Config.Validate] reports what is
// wrong with it.
type Config struct {
	// APIURL is the API's address: an absolute http or https URL, with or
	// without "/api/v1" and a trailing slash. A path before these is kept.
	// Over plain http the token is sent to loopback addresses only.
	APIURL string

	// APIToken is the token that each request is sent with. Required.
	APIToken transport.Secret

	// RequestTimeout limits one attempt, from sending the request to the
	// end of the response's body. Default 30s. To limit a whole call, use
	// its context or [transport.WithTimeout].
	RequestTimeout time.Duration

	// ConnectTimeout limits the time to make a connection, and separately
	// the time of its TLS handshake. Default 10s.
	ConnectTimeout time.Duration

	RetryPolicy

	// DefaultIdempotencyKey is a prefix of each generated idempotency key,
	// such as "billing-". It may have up to 28 characters: a key has at
	// most 64, and its generated part 36. Default none.
	DefaultIdempotencyKey string

	// Adapters are entries of the form "name@version" that precede this
	// module's own entry in X-Prefactor-SDK, the outermost first. Default
	// none.
	Adapters []string
}

// RetryPolicy sets which failures are repeated, how often, and after which
// waits.
type RetryPolicy struct {
	// MaxRetries is the number of attempts after the first. Default 3; 0
	// turns retries off.
	MaxRetries int

	// InitialRetryDelay is the wait before the first retry. Each later wait
	// is RetryMultiplier times the one before, up to MaxRetryDelay. Each
	// gets a jitter of up to 25 % either way. Default 1s.
	InitialRetryDelay time.Duration

	// MaxRetryDelay is the longest wait, and the longest Retry-After that
	// is waited for: if the server asks for more, the call ends at once
	// with the server's error. Default 60s.
	MaxRetryDelay time.Duration

	// RetryMultiplier is the factor by which the wait grows from one retry
	// to the next, 1 or more. Default 2.
	RetryMultiplier float64

	// RetryOnStatusCodes are the HTTP statuses that are retried. Default
	// 429, 500, 502, 503 and 504.
	RetryOnStatusCodes []int
}

// NewConfig returns a Config with the given address and token, and defaults for
// everything else. An empty apiURL means [DefaultAPIURL].
func NewConfig(apiURL, token string) Config {
	if apiURL == "" {
		apiURL = DefaultAPIURL
	}
	return Config{
		APIURL:         apiURL,
		APIToken:       transport.NewSecret(token),
		RequestTimeout: 30 * time.Second,
		ConnectTimeout: 10 * time.Second,
		RetryPolicy:    DefaultRetryPolicy(),
	}
}

// DefaultRetryPolicy returns the retry policy of [NewConfig]: 3 retries after
// 1s, 2s and 4s, on 429, 500, 502, 503 and 504.
func DefaultRetryPolicy() RetryPolicy {
	return RetryPolicy{
		MaxRetries:         3,
		InitialRetryDelay:  time.Second,
		MaxRetryDelay:      60 * time.Second,
		RetryMultiplier:    2,
		RetryOnStatusCodes: []int{429, 500, 502, 503, 504},
	}
}

// ConfigFromEnv returns the Config that the environment describes, validated:
//
//	PREFACTOR_API_TOKEN              the token; required
//	PREFACTOR_API_URL                the address; DefaultAPIURL if unset
//	PREFACTOR_RETRY_ON_STATUS_CODES  statuses to retry, separated by commas
//
// The error joins an [errs.ClientError] for each mistake. It names the field,
// or the variable if the list of statuses can't be parsed.
func ConfigFromEnv() (Config, error) {
	cfg := NewConfig(os.Getenv("PREFACTOR_API_URL"), os.Getenv("PREFACTOR_API_TOKEN"))
	var listErr error
	if list := os.Getenv("PREFACTOR_RETRY_ON_STATUS_CODES"); list != "" {
		cfg.RetryOnStatusCodes = nil
		for code := range strings.SplitSeq(list, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(code))
			if err != nil {
				listErr = &errs.ClientError{Field: "PREFACTOR_RETRY_ON_STATUS_CODES", Problem: "must be statuses separated by commas, such as 429,503"}
				continue
			}
			cfg.RetryOnStatusCodes = append(cfg.RetryOnStatusCodes, n)
		}
	}
	return cfg, errors.Join(listErr, cfg.Validate())
}

// Validate returns an [errs.ClientError] for each field of the Config that is
// wrong, joined; nil if none is.
func (c Config) Validate() error {
	_, urlErr := transport.ParseAPIURL(c.APIURL)
	return errors.Join(
		urlErr,
		validateToken(c.APIToken),
		validateTimeout("RequestTimeout", c.RequestTimeout),
		validateTimeout("ConnectTimeout", c.ConnectTimeout),
		c.RetryPolicy.Validate(),
		validateKeyPrefix(c.DefaultIdempotencyKey),
		validateAdapters(c.Adapters),
	)
}

// Validate returns an [errs.ClientError] for each field of the policy that is
// wrong, joined; nil if none is.
func (p RetryPolicy) Validate() error {
	var mistakes []error
	mistake := func(field, problem string) {
		mistakes = append(mistakes, &errs.ClientError{Field: field, Problem: problem})
	}
	if p.MaxRetries < 0 {
		mistake("MaxRetries", "must be 0 or more")
	}
	mistakes = append(mistakes, validateTimeout("InitialRetryDelay", p.InitialRetryDelay), validateTimeout("MaxRetryDelay", p.MaxRetryDelay))
	if p.InitialRetryDelay > p.MaxRetryDelay {
		mistake("InitialRetryDelay", "must not be above MaxRetryDelay")
	}
	if !(p.RetryMultiplier >= 1) { // NaN too
		mistake("RetryMultiplier", "must be 1 or more")
	}
	for _, code := range p.RetryOnStatusCodes {
		if code < 100 || code > 599 {
			mistake("RetryOnStatusCodes", fmt.Sprintf("holds %d: HTTP statuses go from 100 to 599", code))
		}
	}
	return errors.Join(mistakes...)
}

// validateTimeout returns an [errs.ClientError] that names field, unless d is
// positive.
func validateTimeout(field string, d time.Duration) error {
	if d > 0 {
		return nil
	}
	return &errs.ClientError{Field: field, Problem: "must be a positive duration"}
}

// validateToken returns an [errs.ClientError], which doesn't hold the token, if
// the token is empty or has characters that a header can't carry.
func validateToken(token transport.Secret) error {
	switch text := token.Reveal(); {
	case text == "":
		return &errs.ClientError{Field: "APIToken", Problem: "is required: give one to NewConfig, or set PREFACTOR_API_TOKEN for ConfigFromEnv"}
	case !visible(text):
		return &errs.ClientError{Field: "APIToken", Problem: "holds white space or characters that a header can't carry: check how it was copied"}
	}
	return nil
}

// validateAdapters returns an [errs.ClientError] unless each entry for
// X-Prefactor-SDK is "name@version".
func validateAdapters(adapters []string) error {
	for _, entry := range adapters {
		at := strings.LastIndex(entry, "@")
		if at < 1 || at == len(entry)-1 || !visible(entry) {
			return &errs.ClientError{Field: "Adapters", Problem: fmt.Sprintf("holds %q: each must be name@version, without spaces", entry)}
		}
	}
	return nil
}

// The generated part of a key is a UUID. For the length of a key see
// [transport.ValidateKey].
const (
	generatedKey = 36
	maxKeyPrefix = 64 - generatedKey
)

// validateKeyPrefix returns an [errs.ClientError] if a prefix of generated keys
// is too long or has invisible characters.
func validateKeyPrefix(prefix string) error {
	if len(prefix) > maxKeyPrefix || !visible(prefix) {
		return &errs.ClientError{Field: "DefaultIdempotencyKey", Problem: fmt.Sprintf(
			"must have at most %d visible ASCII characters: a generated key of %d follows it, and %d are allowed", maxKeyPrefix, generatedKey, maxKeyPrefix+generatedKey)}
	}
	return nil
}

// visible reports whether s consists of visible ASCII characters.
func visible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
