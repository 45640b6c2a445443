package middleware_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestNewConfigHasTheDocumentedDefaults(t *testing.T) {
	t.Parallel()
	cfg := middleware.NewConfig("https://api.test.com", "test-token")
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	if cfg.APIURL != "https://api.test.com" || cfg.APIToken.Reveal() != "test-token" {
		t.Errorf("APIURL = %q, APIToken = %q", cfg.APIURL, cfg.APIToken.Reveal())
	}
	if cfg.RequestTimeout != 30*time.Second || cfg.ConnectTimeout != 10*time.Second {
		t.Errorf("RequestTimeout = %s, ConnectTimeout = %s", cfg.RequestTimeout, cfg.ConnectTimeout)
	}
	if cfg.MaxRetries != 3 || cfg.InitialRetryDelay != time.Second || cfg.MaxRetryDelay != time.Minute || cfg.RetryMultiplier != 2 {
		t.Errorf("RetryPolicy = %+v", cfg.RetryPolicy)
	}
	if want := []int{429, 500, 502, 503, 504}; !slices.Equal(cfg.RetryOnStatusCodes, want) {
		t.Errorf("RetryOnStatusCodes = %v, want %v", cfg.RetryOnStatusCodes, want)
	}
	if cfg.DefaultIdempotencyKey != "" || cfg.Adapters != nil {
		t.Errorf("DefaultIdempotencyKey = %q, Adapters = %q", cfg.DefaultIdempotencyKey, cfg.Adapters)
	}
	if cfg := middleware.NewConfig("", "t"); cfg.APIURL != middleware.DefaultAPIURL {
		t.Errorf("APIURL = %q by default", cfg.APIURL)
	}
}

func TestDefaultsAreNotShared(t *testing.T) {
	t.Parallel()
	middleware.NewConfig("", "t").RetryOnStatusCodes[0] = 418
	if got := middleware.NewConfig("", "t").RetryOnStatusCodes[0]; got != 429 {
		t.Errorf("RetryOnStatusCodes[0] = %d", got)
	}
}

func TestValidateNamesTheField(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, field string
		change      func(*middleware.Config)
	}{
		{"no address", "APIURL", func(c *middleware.Config) { c.APIURL = "" }},
		{"an address without a scheme", "APIURL", func(c *middleware.Config) { c.APIURL = "app.prefactorai.com" }},
		{"an address of another scheme", "APIURL", func(c *middleware.Config) { c.APIURL = "ftp://app.prefactorai.com" }},
		{"an address without a host", "APIURL", func(c *middleware.Config) { c.APIURL = "https:///api/v1" }},
		{"an address with a user", "APIURL", func(c *middleware.Config) { c.APIURL = "https://me:pw@app.prefactorai.com" }},
		{"an address with a query", "APIURL", func(c *middleware.Config) { c.APIURL += "?a=b" }},
		{"an address with a fragment", "APIURL", func(c *middleware.Config) { c.APIURL += "#a" }},
		{"no token", "APIToken", func(c *middleware.Config) { c.APIToken = transport.NewSecret("") }},
		{"a token with a line break", "APIToken", func(c *middleware.Config) { c.APIToken = transport.NewSecret("pf_1\n") }},
		{"no request timeout", "RequestTimeout", func(c *middleware.Config) { c.RequestTimeout = 0 }},
		{"a negative request timeout", "RequestTimeout", func(c *middleware.Config) { c.RequestTimeout = -1 }},
		{"no connect timeout", "ConnectTimeout", func(c *middleware.Config) { c.ConnectTimeout = 0 }},
		{"negative retries", "MaxRetries", func(c *middleware.Config) { c.MaxRetries = -1 }},
		{"no initial delay", "InitialRetryDelay", func(c *middleware.Config) { c.InitialRetryDelay = 0 }},
		{"an initial delay above the longest", "InitialRetryDelay", func(c *middleware.Config) { c.InitialRetryDelay = 2 * time.Minute }},
		{"no longest delay", "MaxRetryDelay", func(c *middleware.Config) { c.MaxRetryDelay = 0 }},
		{"a multiplier below 1", "RetryMultiplier", func(c *middleware.Config) { c.RetryMultiplier = 0.5 }},
		{"a multiplier that is not a number", "RetryMultiplier", func(c *middleware.Config) { c.RetryMultiplier = math.NaN() }},
		{"a status below 100", "RetryOnStatusCodes", func(c *middleware.Config) { c.RetryOnStatusCodes = []int{503, 99} }},
		{"a status above 599", "RetryOnStatusCodes", func(c *middleware.Config) { c.RetryOnStatusCodes = []int{600} }},
		{"a key prefix of 29 characters", "DefaultIdempotencyKey", func(c *middleware.Config) { c.DefaultIdempotencyKey = strings.Repeat("a", 29) }},
		{"a key prefix with a space", "DefaultIdempotencyKey", func(c *middleware.Config) { c.DefaultIdempotencyKey = "my key-" }},
		{"an adapter without a version", "Adapters", func(c *middleware.Config) { c.Adapters = []string{"a@1", "langchain"} }},
		{"an adapter with an empty version", "Adapters", func(c *middleware.Config) { c.Adapters = []string{"langchain@"} }},
		{"an adapter without a name", "Adapters", func(c *middleware.Config) { c.Adapters = []string{"@1.0"} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := middleware.NewConfig("https://api.test.com", "test-token")
			test.change(&cfg)
			err := cfg.Validate()
			mistake, ok := errors.AsType[*errs.ClientError](err)
			if !ok || mistake.Field != test.field {
				t.Errorf("got %v, want a ClientError about %s", err, test.field)
			}
		})
	}
}

func TestValidateAcceptsWhatIsAllowed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*middleware.Config)
	}{
		{"values of your own", func(c *middleware.Config) {
			c.RetryPolicy = middleware.RetryPolicy{MaxRetries: 5, InitialRetryDelay: time.Second / 2, MaxRetryDelay: 30 * time.Second, RetryMultiplier: 1.5, RetryOnStatusCodes: []int{429, 500, 503}}
		}},
		{"no retries", func(c *middleware.Config) { c.MaxRetries = 0 }},
		{"no statuses", func(c *middleware.Config) { c.RetryOnStatusCodes = nil }},
		{"a constant delay", func(c *middleware.Config) { c.RetryMultiplier, c.InitialRetryDelay = 1, c.MaxRetryDelay }},
		{"a key prefix of 28 characters", func(c *middleware.Config) { c.DefaultIdempotencyKey = strings.Repeat("a", 28) }},
		{"a scoped adapter", func(c *middleware.Config) { c.Adapters = []string{"@acme/agent@1.2.3"} }},
		{"an address on loopback", func(c *middleware.Config) { c.APIURL = "http://127.0.0.1:8787/" }},
		{"an address with the API's path", func(c *middleware.Config) { c.APIURL += "/api/v1/" }},
		{"an address behind a gateway", func(c *middleware.Config) { c.APIURL += "/prefactor" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := middleware.NewConfig("https://api.test.com", "test-token")
			test.change(&cfg)
			if err := cfg.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestValidateReportsEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	err := middleware.Config{}.Validate()
	for _, field := range []string{"APIURL", "APIToken", "RequestTimeout", "ConnectTimeout", "InitialRetryDelay", "MaxRetryDelay", "RetryMultiplier"} {
		if !strings.Contains(fmt.Sprint(err), field) {
			t.Errorf("%s isn't reported in %v", field, err)
		}
	}
}

func TestConfigFromEnvReportsEveryMistakeAtOnce(t *testing.T) {
	t.Setenv("PREFACTOR_API_TOKEN", "")
	t.Setenv("PREFACTOR_API_URL", "api.test.com")
	t.Setenv("PREFACTOR_RETRY_ON_STATUS_CODES", "many")
	_, err := middleware.ConfigFromEnv()
	for _, name := range []string{"PREFACTOR_API_TOKEN", "APIURL", "PREFACTOR_RETRY_ON_STATUS_CODES"} {
		if !strings.Contains(fmt.Sprint(err), name) {
			t.Errorf("%s isn't reported in %v", name, err)
		}
	}
}

func TestValidateDoesNotShowTheToken(t *testing.T) {
	t.Parallel()
	cfg := middleware.NewConfig("", "hush hush")
	if text := fmt.Sprintf("%v %+v %#v", cfg.Validate(), cfg, cfg); strings.Contains(text, "hush") {
		t.Error(text)
	}
}

func TestConfigFromEnv(t *testing.T) {
	tests := []struct {
		name, token, url, codes string
		field                   string // of the error; "" for none
		wantURL                 string
		wantCodes               []int
	}{
		{"a token alone", "pf_1", "", "", "", middleware.DefaultAPIURL, []int{429, 500, 502, 503, 504}},
		{"everything", "pf_1", "https://api.test.com", "429, 503", "", "https://api.test.com", []int{429, 503}},
		{"no token", "", "", "", "APIToken", "", nil},
		{"a broken address", "pf_1", "api.test.com", "", "APIURL", "", nil},
		{"codes that are not numbers", "pf_1", "", "429,5xx", "PREFACTOR_RETRY_ON_STATUS_CODES", "", nil},
		{"codes that are not statuses", "pf_1", "", "429,1000", "RetryOnStatusCodes", "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("PREFACTOR_API_TOKEN", test.token)
			t.Setenv("PREFACTOR_API_URL", test.url)
			t.Setenv("PREFACTOR_RETRY_ON_STATUS_CODES", test.codes)
			cfg, err := middleware.ConfigFromEnv()
			if test.field != "" {
				if mistake, ok := errors.AsType[*errs.ClientError](err); !ok || mistake.Field != test.field {
					t.Errorf("got %v, want a ClientError about %s", err, test.field)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if cfg.APIURL != test.wantURL || cfg.APIToken.Reveal() != test.token || !slices.Equal(cfg.RetryOnStatusCodes, test.wantCodes) {
				t.Errorf("got %q, %q, %v", cfg.APIURL, cfg.APIToken.Reveal(), cfg.RetryOnStatusCodes)
			}
		})
	}
}
