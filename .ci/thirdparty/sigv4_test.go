package thirdparty_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

// signature signs req, whose body has the hash, as at a time.
func signature(req *http.Request, hash string, at time.Time) error {
	credentials := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "a-secret-of-sigv4"}
	return v4.NewSigner().SignHTTP(req.Context(), credentials, req, hash, "execute-api", "eu-central-1", at)
}

// sign is a layer that signs each request with the hash of its body.
func sign(req *http.Request, next transport.Next) (*http.Response, error) {
	hash, err := bodyHash(req)
	if err == nil {
		err = signature(req, hash, time.Now())
	}
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	return next(req)
}

// bodyHash returns the hash of the body that GetBody gives, in hexadecimal.
func bodyHash(req *http.Request) (string, error) {
	hash := sha256.New()
	switch {
	case req.Body == nil || req.Body == http.NoBody:
	case req.GetBody == nil:
		return "", &errs.ClientError{Field: "request body", Problem: "can't be read twice: give the request a GetBody"}
	default:
		body, err := req.GetBody()
		if err != nil {
			return "", err
		}
		defer body.Close()
		if _, err := io.Copy(hash, body); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// gateway is a base that accepts only requests with a valid signature, and passes
// them on with the API's token, as an API gateway does.
type gateway struct{ *http.Transport }

func (g gateway) RoundTrip(req *http.Request) (*http.Response, error) {
	body := new(bytes.Buffer)
	if req.Body != nil {
		if _, err := io.Copy(body, req.Body); err != nil {
			return nil, err
		}
		_ = req.Body.Close()
	}
	sent := req.Header.Get("Authorization")
	again := req.Clone(req.Context())
	again.Body = io.NopCloser(body)
	at, err := time.Parse("20060102T150405Z", req.Header.Get("X-Amz-Date"))
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(body.Bytes())
	if err := signature(again, hex.EncodeToString(hash[:]), at); err != nil {
		return nil, err
	}
	if again.Header.Get("Authorization") != sent {
		return nil, fmt.Errorf("a request isn't signed as it was sent: %s", sent)
	}
	again.Header.Set("Authorization", "Bearer "+prefactortest.Token)
	return g.Transport.RoundTrip(again)
}

func signing() transport.Layer {
	return transport.NewLayerFunc("sigv4", transport.PerAttempt, sign)
}

func TestSigV4(t *testing.T) {
	t.Parallel()
	verified := func(base http.RoundTripper) http.RoundTripper {
		if base, ok := base.(*http.Transport); ok {
			return gateway{base}
		}
		return base // that of the suites, which sets the token itself
	}
	testEach(t, map[string]setup{
		"wire": {
			edit:  func(s transport.Stack, _ middleware.Config) transport.Stack { return s.Without("auth").Wire(signing()) },
			base:  verified,
			suite: []conformance.SuiteOption{conformance.OwnAuth()},
		},
		"in place of auth": {
			edit:  func(s transport.Stack, _ middleware.Config) transport.Stack { return s.Replace("auth", signing()) },
			base:  verified,
			suite: []conformance.SuiteOption{conformance.OwnAuth()},
		},
	})
}

func TestSigV4FollowsTheRules(t *testing.T) {
	t.Parallel()
	conformance.TestLayer(t, signing())
}
