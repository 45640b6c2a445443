package transport

import (
	"net/url"
	"strings"

	"github.com/prefactordev/prefactor-go/errs"
)

// apiPath is where all operations are, below the API's address.
const apiPath = "/api/v1"

// ParseAPIURL parses the API's address, which is absolute, http or https, with
// or without "/api/v1" and a trailing slash, and returns it with the path at
// which the operations begin. A path in front of that is kept. The error is an
// [errs.ClientError].
func ParseAPIURL(apiURL string) (*url.URL, error) {
	const example = ": for example https://app.prefactorai.com"
	refuse := func(problem string) (*url.URL, error) {
		return nil, &errs.ClientError{Field: "APIURL", Problem: problem}
	}
	if apiURL == "" {
		return refuse("is required" + example)
	}
	u, err := url.Parse(apiURL)
	switch {
	case strings.ContainsAny(apiURL, " \t\r\n"):
		return refuse("holds white space: check how it was copied")
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return refuse("must be an absolute http or https URL" + example)
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return refuse("must have no user, query or fragment")
	}
	u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), apiPath) + apiPath
	if u.RawPath != "" {
		u.RawPath = strings.TrimSuffix(strings.TrimRight(u.RawPath, "/"), apiPath) + apiPath
	}
	u.ForceQuery = false
	return u, nil
}
