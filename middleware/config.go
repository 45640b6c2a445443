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

// DefaultAPIURL is where the API lives unless [Config.APIURL] says otherwise.
const DefaultAPIURL = "https://app.prefactorai.com"

// Config is what the default stack and its base transport are made of. It is
// plain data, whose durations have units: 30*time.Second, for a bare 30 is 30
// nanoseconds. Start from [NewConfig] or [ConfigFromEnv], which fill in the
// demistakes, and change what you need. [Config.Validate] tells what is wrong
// with one.
type Config struct {
	// APIURL is the API's address: absolute, http or https, with or without
	// "/api/v1" and a trailing slash. A path in front of that is kept. The token
	// travels over plain http to loopback addresses only.
	APIURL string

	// APIToken is the token that each request carries. Required.
	APIToken transport.Secret

	// RequestTimeout bounds one attempt, from sending the request to the end of
	// the answer's body. Default 30s. A whole call is bounded by its context or
	// by [transport.WithTimeout].
	RequestTimeout time.Duration

	// ConnectTimeout bounds the making of a connection, and once more its TLS
	// handshake. Default 10s.
	ConnectTimeout time.Duration

	RetryPolicy

	// DefaultIdempotencyKey is put in front of each generated idempotency key,
	// such as "billing-". A key is 64 characters at most and its generated part
	// is 36, so this can have 28. Default none.
	DefaultIdempotencyKey string

	// Adapters are put in front of this module's own entry in X-Prefactor-SDK,
	// the outermost first, each "name@version". Default none.
	Adapters []string
}

// RetryPolicy says which failures are repeated, how often and after which
// waits.
type RetryPolicy struct {
	// MaxRetries is how many attempts may follow the first. Default 3; 0 turns
	// retrying off.
	MaxRetries int

	// InitialRetryDelay is the wait before the first retry. Each further wait is
	// RetryMultiplier times the one before, up to MaxRetryDelay; a jitter of up
	// to 25 % either way is put on each. Default 1s.
	InitialRetryDelay time.Duration

	// MaxRetryDelay is the longest wait, and the longest Retry-After that is
	// waited for: if the server asks for more, the call ends at once with the
	// server's error. Default 60s.
	MaxRetryDelay time.Duration

	// RetryMultiplier is the growth of the wait from one retry to the next, 1 or
	// more. Default 2.
	RetryMultiplier float64

	// RetryOnStatusCodes are the HTTP statuses that are worth a retry. Default
	// 429, 500, 502, 503 and 504.
	RetryOnStatusCodes []int
}

// NewConfig returns a Config with the given address and token and the default
// of everything else. An empty apiURL means [DefaultAPIURL].
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
// The error holds everything that is wrong, an [errs.ClientError] each; of the
// list it names the variable, else the field.
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

// Validate reports everything that is wrong with the Config at once: an
// [errs.ClientError] for each field, joined. It returns nil if nothing is.
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

// Validate reports everything that is wrong with the policy at once: an
// [errs.ClientError] for each field, joined. It returns nil if nothing is.
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

// validateTimeout reports what is wrong with a timeout or a delay: it must be
// positive. The error is an [errs.ClientError] that names field.
func validateTimeout(field string, d time.Duration) error {
	if d > 0 {
		return nil
	}
	return &errs.ClientError{Field: field, Problem: "must be a positive duration"}
}

// validateToken reports what is wrong with a token: it must not be empty, and
// must consist of characters that a header can carry. The error, an
// [errs.ClientError], doesn't hold the token.
func validateToken(token transport.Secret) error {
	switch text := token.Reveal(); {
	case text == "":
		return &errs.ClientError{Field: "APIToken", Problem: "is required: give one to NewConfig, or set PREFACTOR_API_TOKEN for ConfigFromEnv"}
	case !visible(text):
		return &errs.ClientError{Field: "APIToken", Problem: "holds white space or characters that a header can't carry: check how it was copied"}
	}
	return nil
}

// validateAdapters reports what is wrong with entries for X-Prefactor-SDK, each
// of which must be "name@version". The error is an [errs.ClientError].
func validateAdapters(adapters []string) error {
	for _, entry := range adapters {
		at := strings.LastIndex(entry, "@")
		if at < 1 || at == len(entry)-1 || !visible(entry) {
			return &errs.ClientError{Field: "Adapters", Problem: fmt.Sprintf("holds %q: each must be name@version, without spaces", entry)}
		}
	}
	return nil
}

// The generated part of a key is a UUID, and a key is bounded: see
// [transport.ValidateKey].
const (
	generatedKey = 36
	maxKeyPrefix = 64 - generatedKey
)

// validateKeyPrefix reports what is wrong with a prefix of generated keys. The
// error is an [errs.ClientError].
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
